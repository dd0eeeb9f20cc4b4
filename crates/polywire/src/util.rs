//! Small things that programs use beside a node.

#[doc(inline)]
pub use polywire_core::util::thread;

#[cfg(feature = "framed-tcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "framed-tcp")))]
#[doc(inline)]
pub use polywire_framed_tcp::encoding;
