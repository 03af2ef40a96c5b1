//! Whom a request comes from, for the limit by address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::header::{HeaderMap, HeaderName};

/// One address, or of IPv6 the network of which somebody usually has all addresses (`/64`). Nothing where it is not known:
/// the connection is that of a proxy on this machine, which doesn't say for whom.
pub(super) fn client(
    headers: &HeaderMap,
    name: Option<&HeaderName>,
    peer: IpAddr,
) -> Option<IpAddr> {
    let Some(name) = name else {
        return (!peer.to_canonical().is_loopback()).then(|| network(peer));
    };
    Some(network(named(headers, name).unwrap_or(peer)))
}

/// The last address in the last of these headers: the one that the proxy itself has seen. Those before it are the
/// client's own word.
fn named(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = value.rsplit(',').next()?.trim();
    // Some proxies write the port, too.
    let with_port = || last.parse().map(|it: SocketAddr| it.ip());
    last.parse().or_else(|_| with_port()).ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[&str]) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value.parse().unwrap());
        }
        let client = client(&headers, Some(&name), [127, 0, 0, 1].into());
        client.unwrap().to_string()
    }

    #[test]
    fn the_proxys_own_word_counts_and_nobody_elses() {
        assert_eq!(seen(&["192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["10.0.0.1, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["10.0.0.1", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1, unknown"]), "127.0.0.1");
        assert_eq!(seen(&[]), "127.0.0.1");
        assert_eq!(seen(&["2001:db8:1:2:3:4:5:6"]), "2001:db8:1:2::");
        assert_eq!(seen(&["::ffff:192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(seen(&["[2001:db8:1:2::5]:4711"]), "2001:db8:1:2::");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        // Without the setting, a header is what anybody may write.
        assert_eq!(
            client(&headers, None, [10, 0, 0, 9].into()),
            Some([10, 0, 0, 9].into())
        );
        // All clients of a proxy would share the limit, and one of them could keep all others out.
        assert_eq!(client(&headers, None, [127, 0, 0, 1].into()), None);
    }
}
