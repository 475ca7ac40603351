//! In the place of a coding whose feature is off.

use super::Make;

pub(super) const MAKE: Option<Make> = None;
