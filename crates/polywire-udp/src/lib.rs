//! UDP datagrams for polywire: unicast, multicast and broadcast
