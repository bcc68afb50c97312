//! Walks an XML file element by element, holding one path and one text at a time.
//!
//! Refused: a DTD, entities beyond the five of XML, duplicate attributes, characters that XML forbids, a second root,
//! text outside the root, and a document that ends before its root does.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use quick_xml::{Error, XmlVersion};

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::{TextReader, refused_by};

/// Deepest nesting; ISO 20022 needs about a dozen.
const DEPTH_MAX: usize = 64;
/// Longest text of one element; the longest of camt.053 is 500 characters.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// The root of an ISO 20022 document, and how deep in an envelope it may stand.
const DOCUMENT: &str = "Document";
const ENVELOPE_DEPTH_MAX: usize = 4;

const FETCH_AGAIN: &str = "the file is damaged: fetch it again and run the day again";

/// What the walk came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A start tag; its element is the last of [`Walk::path`].
    Open,
    /// An end tag; its element is still the last of [`Walk::path`], [`Walk::text`] is its text.
    Close,
    /// The end of the file, after the end of the root.
    End,
}

/// A walk through an XML file.
pub struct Walk<'a> {
    reader: Reader<TextReader<'a>>,
    event: Vec<u8>,
    path: String,
    depths: Vec<usize>,
    closing: bool,
    root_seen: bool,
    text: String,
    attributes: Vec<(String, String)>,
    prefix: Option<String>,
    /// Declarations of the root, which hold in all below it.
    root_attributes: Vec<(String, String)>,
    /// Depth of the document inside an envelope, and where its name stands in the path.
    document: Option<(usize, usize)>,
    offset: u64,
    mark_bytes: u64,
}

impl<'a> Walk<'a> {
    /// A walk through `text`, whose byte order mark of `mark_bytes` bytes is gone already.
    pub fn new(text: TextReader<'a>, mark_bytes: usize) -> Walk<'a> {
        let mut reader = Reader::from_reader(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        config.check_comments = true;
        Walk {
            reader,
            event: Vec::new(),
            path: String::new(),
            depths: Vec::new(),
            closing: false,
            root_seen: false,
            text: String::new(),
            attributes: Vec::new(),
            prefix: None,
            root_attributes: Vec::new(),
            document: None,
            offset: 0,
            mark_bytes: mark_bytes as u64,
        }
    }

    /// Local names from the root to the current element, joined by `/`. A business message carries its document in an
    /// envelope, beside a header: there the names begin with `Document`, and those of the envelope are left out.
    pub fn path(&self) -> &str {
        match self.document {
            Some((_, start)) => &self.path[start..],
            None => &self.path,
        }
    }

    /// Text of the element that closes, without white space around it.
    pub fn text(&self) -> &str {
        self.text.trim_matches(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
    }

    /// True when the current element is the root, or the document inside an envelope.
    pub fn is_root(&self) -> bool {
        match self.document {
            Some((depth, _)) => self.depths.len() == depth,
            None => self.depths.len() == 1,
        }
    }

    /// True when the current element is the root of something that may carry a document.
    pub fn is_envelope(&self) -> bool {
        self.document.is_none() && self.depths.len() == 1 && self.path != DOCUMENT
    }

    /// An attribute of the start tag seen last.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Namespace of the root or document whose start tag was seen last.
    pub fn root_namespace(&self) -> Option<&str> {
        let name = match &self.prefix {
            Some(prefix) => format!("xmlns:{prefix}"),
            None => "xmlns".to_owned(),
        };
        let of_root = || self.root_attributes.iter().find(|(key, _)| *key == name);
        self.attribute(&name)
            .or_else(|| of_root().map(|(_, value)| value.as_str()))
    }

    /// Where the tag seen last starts.
    pub fn place(&self) -> Place {
        Place {
            line: self.line(),
            offset: self.offset,
        }
    }

    fn line(&self) -> u64 {
        self.reader.get_ref().marked_line()
    }

    /// A refusal at the tag seen last.
    pub fn refuse(&self, message: impl Into<String>, help: impl Into<String>) -> FileRefused {
        FileRefused::at(self.line(), message, help)
    }

    /// The next start or end tag.
    ///
    /// # Errors
    /// The file is not well-formed, or holds what this walk refuses.
    pub fn next(&mut self) -> Result<Step, FileRefused> {
        if self.closing {
            self.closing = false;
            let end = self.depths.pop().unwrap_or(0);
            self.document = self.document.filter(|(depth, _)| *depth <= self.depths.len());
            self.path.truncate(end);
            self.text.clear();
        }
        loop {
            self.event.clear();
            self.reader.get_mut().next_piece();
            self.reader.get_mut().mark();
            self.offset = self.reader.buffer_position() + self.mark_bytes;
            let event = self.reader.read_event_into(&mut self.event);
            let line = || self.reader.get_ref().marked_line();
            let event = match event {
                Ok(event) => event,
                Err(error) => return Err(broken(&error, self.reader.get_ref().line())),
            };
            match event {
                Event::Start(tag) => {
                    if self.depths.is_empty() && self.root_seen {
                        return Err(FileRefused::at(
                            line(),
                            "a second document begins behind the end of the first",
                            FETCH_AGAIN,
                        ));
                    }
                    if self.depths.len() == DEPTH_MAX {
                        return Err(FileRefused::at(
                            line(),
                            "elements are nested too deep",
                            FETCH_AGAIN,
                        ));
                    }
                    self.root_seen = true;
                    self.attributes.clear();
                    if !tag.attributes_raw().is_empty() {
                        read_attributes(&tag, &line, &mut self.attributes)?;
                    }
                    let name = tag.local_name();
                    let in_envelope = !self.depths.is_empty()
                        && self.depths.len() < ENVELOPE_DEPTH_MAX
                        && self.document.is_none()
                        && name.as_ref() == DOCUMENT
                        && self.path.split('/').next() != Some(DOCUMENT);
                    if self.depths.is_empty() {
                        self.root_attributes.clone_from(&self.attributes);
                    }
                    if self.depths.is_empty() || in_envelope {
                        self.prefix = tag.name().prefix().map(|prefix| prefix.as_ref().to_owned());
                    }
                    self.depths.push(self.path.len());
                    if !self.path.is_empty() {
                        self.path.push('/');
                    }
                    if in_envelope {
                        self.document = Some((self.depths.len(), self.path.len()));
                    }
                    self.path.push_str(name.as_ref());
                    self.text.clear();
                    return Ok(Step::Open);
                }
                Event::End(_) => {
                    self.closing = true;
                    return Ok(Step::Close);
                }
                Event::Text(text) => push(&mut self.text, &text.xml10_content(), self.depths.len(), &line)?,
                Event::CData(text) => push(&mut self.text, &text.xml10_content(), self.depths.len(), &line)?,
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        Ok(None) => named(&reference.xml10_content()),
                        Err(_) => None,
                    };
                    let Some(character) = character else {
                        return Err(FileRefused::at(
                            line(),
                            "an entity stands here that XML itself does not define",
                            "ask the bank for a file without entities of its own",
                        ));
                    };
                    push(
                        &mut self.text,
                        character.encode_utf8(&mut [0; 4]),
                        self.depths.len(),
                        &line,
                    )?;
                }
                Event::DocType(_) => {
                    return Err(FileRefused::at(
                        line(),
                        "the file has a document type declaration (DTD), which no bank statement needs",
                        "ask the bank for a file without one; it is never read",
                    ));
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Empty(_) => {}
                Event::Eof => {
                    if let Some(open) = self.path.rsplit('/').next().filter(|_| !self.depths.is_empty()) {
                        return Err(FileRefused::at(
                            line(),
                            format!("the file ends inside {open}: it was cut off"),
                            "fetch the whole file again and run the day again",
                        ));
                    }
                    if !self.root_seen {
                        return Err(FileRefused::at(0, "the file holds no document", FETCH_AGAIN));
                    }
                    return Ok(Step::End);
                }
            }
        }
    }
}

fn read_attributes(
    tag: &BytesStart<'_>,
    line: &dyn Fn() -> u64,
    attributes: &mut Vec<(String, String)>,
) -> Result<(), FileRefused> {
    let bad = |what: String| FileRefused::at(line(), what, FETCH_AGAIN);
    for attribute in tag.attributes() {
        // Duplicates are errors of the iterator.
        let attribute = attribute.map_err(|error| bad(format!("an attribute is wrong: {error}")))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| bad(format!("an attribute is wrong: {error}")))?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(())
}

fn push(text: &mut String, more: &str, depth: usize, line: &dyn Fn() -> u64) -> Result<(), FileRefused> {
    // The two characters beyond the controls begin with the byte 0xEF.
    let forbidden =
        |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    let suspect = |byte: &u8| (*byte < b' ' && !matches!(*byte, b'\t' | b'\n' | b'\r')) || *byte == 0xef;
    if more.as_bytes().iter().any(suspect) && more.contains(forbidden) {
        return Err(FileRefused::at(
            line(),
            "a control character stands in the text",
            FETCH_AGAIN,
        ));
    }
    if depth == 0 {
        if more.trim().is_empty() {
            return Ok(());
        }
        return Err(FileRefused::at(
            line(),
            "text stands outside the document",
            FETCH_AGAIN,
        ));
    }
    if text.len() + more.len() > TEXT_BYTES_MAX {
        return Err(FileRefused::at(
            line(),
            format!("the text of an element is longer than {TEXT_BYTES_MAX} bytes"),
            FETCH_AGAIN,
        ));
    }
    text.push_str(more);
    Ok(())
}

fn named(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn broken(error: &Error, line: u64) -> FileRefused {
    if let Error::Io(io) = error {
        return refused_by(io, line);
    }
    FileRefused::at(line, format!("the XML is broken: {error}"), FETCH_AGAIN)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn walk(text: &'static str) -> Result<String, FileRefused> {
        let source: Box<dyn Read> = Box::new(text.as_bytes());
        let mut walk = Walk::new(TextReader::new(source, encoding_rs::UTF_8), 0);
        let mut seen = String::new();
        loop {
            match walk.next()? {
                Step::Open => {
                    let place = walk.place();
                    assert!(text[place.offset as usize..].starts_with('<'), "{place:?}");
                    let line = text[..place.offset as usize].matches('\n').count() as u64 + 1;
                    assert_eq!(place.line, line);
                }
                Step::Close => seen += &format!("{}={};", walk.path(), walk.text()),
                Step::End => return Ok(seen),
            }
        }
    }

    #[test]
    fn elements_come_with_path_text_and_place() {
        assert_eq!(
            walk("<a>\n <x:b>1 &amp; 2</x:b>\n\n<c/>\n</a>\n").unwrap(),
            "a/b=1 & 2;a/c=;a=;"
        );
        assert_eq!(walk("<a><![CDATA[<b>]]>&#x4e2d;</a>").unwrap(), "a=<b>中;");
    }

    #[test]
    fn what_no_statement_needs_is_refused() {
        for bad in [
            "",
            "<a>",
            "<a><b></a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "text<a/>",
            "<a x='1' x='2'/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<a>&e;</a>",
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a>\u{1}</a>",
            "<a><!-- ",
            "<a><![CDATA[</a>",
            "<a",
        ] {
            assert!(walk(bad).is_err(), "{bad}");
        }
    }
}
