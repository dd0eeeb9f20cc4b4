//! TCP byte streams for polywire, and the sockets its stream transports share
