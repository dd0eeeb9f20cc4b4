//! Why a layer failed, in a type of its own.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [`Layer`](crate::stream::Layer) under a protocol ended its connection: an error of the layer's own type,
/// which a program that knows the layer finds by [`downcast_ref`](Self::downcast_ref). Cheap to clone; its text is
/// that of the error.
///
/// ```
/// use std::{error::Error, fmt, io};
///
/// use polywire_core::{CloseReason, LayerError};
///
/// #[derive(Debug, PartialEq, Eq)]
/// struct WrongKey;
///
/// impl fmt::Display for WrongKey {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the peer has another key")
///     }
/// }
///
/// impl Error for WrongKey {}
///
/// // What a layer returns:
/// let error = io::Error::from(LayerError::new(WrongKey));
/// // What the program sees:
/// let Some(CloseReason::Layer(error)) = CloseReason::of(&error) else { panic!() };
/// assert_eq!(error.downcast_ref(), Some(&WrongKey));
/// assert_eq!(error.to_string(), "the peer has another key");
/// ```
#[derive(Clone)]
pub struct LayerError(Arc<dyn AnyError>);

/// An error that can be compared with any other one.
trait AnyError: Error + Send + Sync + 'static {
    fn equals(&self, other: &dyn AnyError) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<E: Error + Eq + Send + Sync + 'static> AnyError for E {
    fn equals(&self, other: &dyn AnyError) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl LayerError {
    /// Wraps an error of a layer.
    pub fn new(error: impl Error + Eq + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.as_any().downcast_ref()
    }
}

impl PartialEq for LayerError {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}

impl Eq for LayerError {}

impl fmt::Debug for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for LayerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_layer_are_equal_where_their_types_and_values_are() {
        #[derive(Debug, PartialEq, Eq)]
        struct Own(u8);
        impl fmt::Display for Own {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "number {}", self.0)
            }
        }
        impl Error for Own {}
        let error = LayerError::new(Own(1));
        assert_eq!(error, LayerError::new(Own(1)));
        assert_ne!(error, LayerError::new(Own(2)));
        assert_ne!(error, LayerError::new(fmt::Error));
        assert_eq!(error.downcast_ref(), Some(&Own(1)));
        assert_eq!(error.downcast_ref::<fmt::Error>(), None);
        assert_eq!(format!("{error} {error:?}"), "number 1 Own(1)");
    }
}
