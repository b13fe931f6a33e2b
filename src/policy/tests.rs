mod decisions;
mod differential;
mod documentation;
mod errors;
mod floor;
mod hostile;
pub(in crate::policy) mod support;
