//! Numeric addresses: a host that is an IP literal needs no resolver and no thread.
//!
//! Invariant: whatever is accepted here, `getaddrinfo` with `AI_NUMERICHOST` accepts too and understands alike. The
//! reverse is not promised: `127.1`, octal and hexadecimal IPv4 and the like go to the resolver, which knows them.
//!
//! A zone (`fe80::1%eth0`, `fe80::1%2`) is what makes a link-local address usable, so it is kept as the scope id.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The address that `host` spells out, with `port`; `None` when it is a name, or a spelling left to the resolver.
#[must_use]
pub fn parse(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(SocketAddrV4::new(address, port).into());
    }
    let (literal, scope) = match host.split_once('%') {
        Some((literal, zone)) => (literal, Some(zone)),
        None => (host, None),
    };
    let address = literal.parse::<Ipv6Addr>().ok()?;
    let scope = scope.map_or(Some(0), |zone| scope_id(address, zone))?;
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// Interface names count for link-local addresses only and come first, as an interface may be named "2".
fn scope_id(address: Ipv6Addr, zone: &str) -> Option<u32> {
    if is_link_local(address)
        && let Some(index) = interface_index(zone)
    {
        return Some(index);
    }
    // All digits: `u32::from_str` alone would also take a sign, which the resolver refuses.
    zone.bytes().all(|byte| byte.is_ascii_digit()).then(|| zone.parse().ok())?
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn interface_index(zone: &str) -> Option<u32> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
    let any = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).ok()?;
    netdevice::name_to_index(&any, zone).ok()
}

/// Where no system call gives the index, the resolver's thread finds it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn interface_index(_zone: &str) -> Option<u32> {
    None
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    fn v6(host: &str) -> Option<SocketAddrV6> {
        match parse(host, 80) {
            Some(SocketAddr::V6(address)) => Some(address),
            _ => None,
        }
    }

    #[test]
    fn literals_of_both_families() {
        assert_eq!(parse("127.0.0.1", 80), Some(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert_eq!(parse("0.0.0.0", 0), Some(SocketAddr::from(([0, 0, 0, 0], 0))));
        assert_eq!(parse("::1", 80), Some(SocketAddr::from((Ipv6Addr::LOCALHOST, 80))));
        assert_eq!(
            parse("::ffff:1.2.3.4", 1),
            Some(SocketAddr::from((Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped(), 1)))
        );
    }

    #[test]
    fn names_and_odd_spellings_are_left_to_the_resolver() {
        let spellings = "|localhost|example.org|127.1|0x7f.1|2130706433|127.0.0.01|1.2.3.4%1| 127.0.0.1|127.0.0.1 \
            |[::1]|::1%|::g|1::2::3|fe80::1%nosuchinterface|::1%-1|::1%+1|::1% 1|::1%4294967296|::1%1%1|::1\0\
            |\u{661}27.0.0.1|::1%\u{661}";
        for host in spellings.split('|') {
            assert_eq!(parse(host, 80), None, "{host:?}");
        }
    }

    #[test]
    fn numeric_zones_survive_on_any_address() {
        assert_eq!(v6("fe80::1%3").map(|address| address.scope_id()), Some(3));
        assert_eq!(v6("ff02::1%0").map(|address| address.scope_id()), Some(0));
        assert_eq!(v6("2001:db8::1%4294967295").map(|address| address.scope_id()), Some(u32::MAX));
        assert_eq!(v6("fe80::1").map(|address| address.scope_id()), Some(0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn interface_names_count_for_link_local_addresses_only() {
        assert_eq!(v6("fe80::1%lo").map(|address| address.scope_id()), Some(1));
        assert_eq!(v6("ff02::1%lo").map(|address| address.scope_id()), Some(1));
        assert_eq!(parse("2001:db8::1%lo", 80), None);
        assert_eq!(parse("::1%lo", 80), None);
    }
}
