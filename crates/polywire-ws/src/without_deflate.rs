//! What stands for compression where it is not compiled: types of which there is no value, so that
//! whatever is done with one compiles to nothing.

use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deflate {}

impl Deflate {
    pub(crate) fn check(&self) -> io::Result<()> {
        match *self {}
    }
}

pub(crate) mod agreed {
    #[derive(Debug)]
    pub(crate) enum Agreed {}
}

pub(crate) mod contexts {
    use super::Deflate;
    use super::agreed::Agreed;
    use crate::role::Role;

    #[derive(Debug)]
    pub(crate) enum Contexts {}

    impl Contexts {
        pub(crate) fn new(config: &Deflate, _: &Agreed) -> Self {
            match *config {}
        }

        pub(crate) fn is_ordered(&self) -> bool {
            match *self {}
        }

        pub(crate) fn framing(&self) -> Option<u64> {
            match *self {}
        }

        pub(crate) fn write(&self, _: Role, _: u8, _: &[u8], _: &mut dyn FnMut(&[u8])) -> bool {
            match *self {}
        }
    }
}

pub(crate) mod inflation {
    use super::contexts::Contexts;
    use crate::close::End;

    #[derive(Debug)]
    pub(crate) enum Inflation {}

    impl Inflation {
        pub(crate) fn new(contexts: &Contexts) -> Self {
            match *contexts {}
        }

        pub(crate) fn taken(&self) -> usize {
            match *self {}
        }

        pub(crate) fn kept(&self) -> usize {
            match *self {}
        }

        pub(crate) fn push(
            &mut self,
            _: &[u8],
            _: bool,
            _: &Contexts,
            _: (&mut Vec<u8>, usize),
        ) -> Result<(), End> {
            match *self {}
        }
    }
}

pub(crate) mod negotiation {
    use super::Deflate;
    use super::agreed::Agreed;

    pub(crate) fn offer(config: &Deflate) -> String {
        match *config {}
    }

    pub(crate) fn accept<'a>(
        config: &Deflate,
        _: impl Iterator<Item = &'a str>,
    ) -> Option<(String, Agreed)> {
        match *config {}
    }

    pub(crate) fn confirm<'a>(
        config: &Deflate,
        _: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Agreed>, &'static str> {
        match *config {}
    }
}
