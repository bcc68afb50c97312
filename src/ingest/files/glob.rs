//! Names of files against the patterns of a source.

/// True when a glob matches a path: `?` is one character and `*` any number of them within a folder's name,
/// `**` any number of folders.
pub(super) fn matches(glob: &str, path: &str) -> bool {
    let glob: Vec<&str> = glob.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts_match(&glob, &path)
}

fn parts_match(glob: &[&str], path: &[&str]) -> bool {
    match glob {
        [] => path.is_empty(),
        ["**", rest @ ..] => (0..=path.len()).any(|skipped| parts_match(rest, &path[skipped..])),
        [first, rest @ ..] => match path {
            [part, below @ ..] => part_matches(first, part) && parts_match(rest, below),
            [] => false,
        },
    }
}

fn part_matches(glob: &str, part: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let part: Vec<char> = part.chars().collect();
    // On a mismatch the last `*` takes one character more.
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < part.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(c) if *c == '?' || *c == part[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match &mut star {
                Some((star_at, taken)) => {
                    *taken += 1;
                    at = *star_at + 1;
                    seen = *taken;
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|c| *c == '*')
}
