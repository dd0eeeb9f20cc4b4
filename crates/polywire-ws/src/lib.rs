//! WebSocket for polywire
