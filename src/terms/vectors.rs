//! Which vector units the engine's own loops may use: those of the machine, found when the program runs, or none.
//!
//! Every such loop has a portable form with the same answer. `tieout --portable` (not shown in the help) takes it
//! everywhere (but for the SSE2 that every x86-64 has), so that a machine with vectors can show what one without them does. A process decides once, before it
//! reads anything; results never depend on it. The crates below (hashes, codecs, searches) choose for themselves.

use std::sync::atomic::{AtomicBool, Ordering};

static PORTABLE: AtomicBool = AtomicBool::new(false);

/// Takes the portable form everywhere from now on.
pub fn use_none() {
    PORTABLE.store(true, Ordering::Relaxed);
}

#[cfg(target_arch = "x86_64")]
fn may() -> bool {
    !PORTABLE.load(Ordering::Relaxed)
}

/// AVX2.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn avx2() -> bool {
    may() && is_x86_feature_detected!("avx2")
}

/// AVX2 with the bit instructions that came with it.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn avx2_with_bits() -> bool {
    avx2() && bits()
}

/// AVX-512 that compresses bytes (VBMI2), with the bit instructions and the product without carries.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn avx512_that_compresses() -> bool {
    may()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("pclmulqdq")
        && bits()
}

/// The SHA extensions, with the vectors that they work on.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn sha() -> bool {
    may()
        && is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1")
}

#[cfg(target_arch = "x86_64")]
fn bits() -> bool {
    is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")
}
