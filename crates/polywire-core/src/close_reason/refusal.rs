//! Why a handshake was refused.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Text;

/// Why a peer refused the handshake, or was refused: a text, and what the transport knows beside it, as a value of
/// its own type. Cheap to clone.
///
/// Two are equal if their texts and their details are.
///
/// ```
/// use polywire_core::{CloseReason, Refusal};
///
/// #[derive(Debug, PartialEq, Eq)]
/// struct Answer(u16);
///
/// // What an adapter returns:
/// let refusal = Refusal::new("HTTP 503 Service Unavailable").with_detail(Answer(503));
/// let reason = CloseReason::HandshakeRefused(refusal);
/// // What the program sees:
/// let CloseReason::HandshakeRefused(refusal) = &reason else { panic!() };
/// assert_eq!(refusal.detail(), Some(&Answer(503)));
/// assert_eq!(refusal.text(), "HTTP 503 Service Unavailable");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(Arc<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    text: Text,
    detail: Option<Detail>,
}

#[derive(Clone)]
struct Detail(Arc<dyn AnyDetail>);

/// A value that can be compared with any other one.
trait AnyDetail: fmt::Debug + Send + Sync + 'static {
    fn equals(&self, other: &dyn AnyDetail) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<T: fmt::Debug + Eq + Send + Sync + 'static> AnyDetail for T {
    fn equals(&self, other: &dyn AnyDetail) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Refusal {
    /// A refusal without a detail.
    pub fn new(text: impl Into<Text>) -> Self {
        Self(Arc::new(Parts { text: text.into(), detail: None }))
    }

    /// The same with `detail` in place of the one before.
    #[must_use]
    pub fn with_detail(self, detail: impl fmt::Debug + Eq + Send + Sync + 'static) -> Self {
        let text = self.0.text.clone();
        Self(Arc::new(Parts { text, detail: Some(Detail(Arc::new(detail))) }))
    }

    pub(super) fn has_detail(&self) -> bool {
        self.0.detail.is_some()
    }

    /// What happened, as [`Display`](fmt::Display) shows it.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What the transport knows beside that, if it is a `T`: the transport's documentation names the type.
    pub fn detail<T: 'static>(&self) -> Option<&T> {
        self.0.detail.as_ref()?.0.as_any().downcast_ref()
    }
}

impl<T: Into<Text>> From<T> for Refusal {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}

impl Eq for Detail {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            None => self.0.text.fmt(f),
            Some(detail) => f.debug_tuple("Refusal").field(&self.0.text).field(&detail.0).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_equal_where_their_texts_and_their_details_are() {
        let refusal = Refusal::new("no").with_detail(1_u16);
        assert_eq!(refusal, Refusal::new("no").with_detail(1_u16));
        assert_ne!(refusal, Refusal::new("no").with_detail(2_u16));
        assert_ne!(refusal, Refusal::new("no").with_detail(1_u32));
        assert_ne!(refusal, Refusal::new("not now").with_detail(1_u16));
        assert_ne!(refusal, "no".into());
        assert_eq!(Refusal::new("no"), String::from("no").into());
        assert_eq!((refusal.detail(), refusal.detail::<u32>()), (Some(&1_u16), None));
        assert_eq!(format!("{refusal} {refusal:?}"), r#"no Refusal("no", 1)"#);
    }
}
