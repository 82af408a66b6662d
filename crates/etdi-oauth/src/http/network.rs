//! The rules for the hosts of an identity provider, and for the time that a request may take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use reqwest::Url;
use url::Host;

use super::error::HttpError;

/// The longest time for a request for metadata or keys, unless a shorter one is configured.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// The hosts that may be contacted. The default is public addresses over https only.
///
/// Two rules hold with all settings: redirects are not followed, and a proxy in the environment is
/// not used.
#[derive(Clone, Debug)]
pub struct Network {
    loopback: bool,
    private: bool,
    timeout: Duration,
    roots: Vec<reqwest::Certificate>,
}

impl Default for Network {
    fn default() -> Self {
        Self { loopback: false, private: false, timeout: METADATA_TIMEOUT, roots: Vec::new() }
    }
}

impl Network {
    /// Trusts the certificate authority in this PEM text, in addition to the authorities that the
    /// system trusts.
    ///
    /// # Errors
    /// [`HttpError::Tls`] if the text is not a certificate.
    pub fn root_certificate_pem(mut self, pem: &[u8]) -> Result<Self, HttpError> {
        let certificate = reqwest::Certificate::from_pem(pem)
            .map_err(|error| HttpError::Tls(error.to_string()))?;
        self.roots.push(certificate);
        Ok(self)
    }

    /// Sets how long a request for metadata or keys may take. 5 seconds is the default and the
    /// maximum. A request for a token may take twice this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(METADATA_TIMEOUT);
        self
    }

    /// Returns the options that weaken these rules.
    #[must_use]
    pub fn dangerous(self) -> danger::DangerousNetwork {
        danger::DangerousNetwork(self)
    }

    pub(crate) fn metadata_timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn token_timeout(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    pub(crate) fn roots(&self) -> &[reqwest::Certificate] {
        &self.roots
    }

    /// Returns the URL, if these rules allow a request to it. The addresses of a host name are
    /// checked when the name is resolved.
    ///
    /// Fails for a text that the URL parser would repair, because another parser might read another
    /// host in it: a text with white space, control characters or backslashes, or without `//`.
    pub(crate) fn check(&self, text: &str) -> Result<Url, HttpError> {
        let invalid = || HttpError::InvalidUrl { url: text.to_owned() };
        let url = Url::parse(text).map_err(|_| invalid())?;
        let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
        let repaired = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if !after_scheme.starts_with("://") || text.contains(repaired) {
            return Err(invalid());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(invalid());
        }
        let host = url.host().ok_or_else(invalid)?;
        let is_loopback = match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        let scheme_fits = match url.scheme() {
            "https" => true,
            "http" => self.loopback && is_loopback,
            _ => false,
        };
        if !scheme_fits {
            return Err(HttpError::NotHttps { url: text.to_owned() });
        }
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        };
        match address {
            Some(ip) if !self.reaches(ip) => {
                Err(HttpError::PrivateAddress { host: ip.to_string() })
            }
            _ => Ok(url),
        }
    }

    /// Returns whether a connection to `ip` is allowed.
    pub(crate) fn reaches(&self, ip: IpAddr) -> bool {
        match reach(ip) {
            Reach::Public => true,
            Reach::Loopback => self.loopback,
            Reach::Private => self.private,
            Reach::Nowhere => false,
        }
    }
}

/// Options that weaken a rule. A search for `.dangerous()` finds every use.
pub mod danger {
    use super::Network;

    /// The options of [`Network::dangerous`].
    #[derive(Clone, Debug)]
    pub struct DangerousNetwork(pub(super) Network);

    impl DangerousNetwork {
        /// Allows an identity provider on this machine, over http or https. For tests and demos
        /// only: any program that can listen on a local port can then act as the identity provider.
        #[must_use]
        pub fn allow_loopback_http(mut self) -> Network {
            self.0.loopback = true;
            self.0
        }

        /// Allows an identity provider in a private network (RFC 1918, RFC 4193, RFC 6598,
        /// link-local), over https. The metadata of an identity provider can then make this process
        /// send requests into that network.
        #[must_use]
        pub fn allow_private_addresses(mut self) -> Network {
            self.0.private = true;
            self.0
        }
    }
}

enum Reach {
    Public,
    Loopback,
    Private,
    Nowhere,
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

/// Looks up `ip` in the IANA special-purpose registry of IPv4.
fn reach_v4(ip: Ipv4Addr) -> Reach {
    if ip.is_loopback() {
        return Reach::Loopback;
    }
    match ip.octets() {
        [10, ..] | [192, 168, ..] | [169, 254, ..] => Reach::Private,
        [172, second, ..] if (16..32).contains(&second) => Reach::Private,
        // Shared address space (RFC 6598).
        [100, second, ..] if (64..128).contains(&second) => Reach::Private,
        // "This network", protocol assignments, documentation, benchmarks, 6to4 relays, multicast
        // and reserved addresses.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => Reach::Nowhere,
        _ => Reach::Public,
    }
}

/// Looks up `ip` in the IANA special-purpose registry of IPv6. An address that embeds an IPv4
/// address counts as that IPv4 address.
fn reach_v6(ip: Ipv6Addr) -> Reach {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 => Reach::Private,
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, ..] => Reach::Nowhere,
        // Global unicast is exactly 2000::/3.
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_public_addresses_is_allowed_by_default() {
        let network = Network::default();
        assert!(network.check("https://tenant.auth0.com/jwks").is_ok());
        assert!(network.check("https://93.184.216.34/jwks").is_ok());
        for url in ["http://tenant.auth0.com/", "http://127.0.0.1/", "ftp://a.example/"] {
            assert!(matches!(network.check(url), Err(HttpError::NotHttps { .. })), "{url}");
        }
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "[::1]",
            "[::]",
            "[fc00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "2130706433",
            "0x7f.1",
        ] {
            let url = format!("https://{host}/jwks");
            assert!(matches!(network.check(&url), Err(HttpError::PrivateAddress { .. })), "{url}");
        }
    }

    #[test]
    fn loopback_http_needs_the_dangerous_option_and_opens_no_other_address() {
        let network = Network::default().dangerous().allow_loopback_http();
        for url in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/"] {
            assert!(network.check(url).is_ok(), "{url}");
        }
        for url in
            ["http://10.0.0.1/", "http://tenant.auth0.com/", "http://localhost.evil.example/"]
        {
            assert!(matches!(network.check(url), Err(HttpError::NotHttps { .. })), "{url}");
        }
        assert!(!network.reaches("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn private_addresses_need_the_dangerous_option_and_https() {
        let network = Network::default().dangerous().allow_private_addresses();
        assert!(network.check("https://10.0.0.1/jwks").is_ok());
        assert!(matches!(network.check("http://10.0.0.1/jwks"), Err(HttpError::NotHttps { .. })));
        assert!(matches!(
            network.check("https://127.0.0.1/jwks"),
            Err(HttpError::PrivateAddress { .. })
        ));
    }

    #[test]
    fn a_url_that_parsers_read_differently_is_refused() {
        for url in [
            "https:c.example/jwks",
            "https:/c.example/jwks",
            "https:\\\\c.example/jwks",
            "https://c.example\\@d.example/jwks",
            " https://c.example/jwks",
            "https://c.exam\tple/jwks",
            "https://c.example/jwks\n",
            "https://c.example/a b",
        ] {
            assert!(
                matches!(Network::default().check(url), Err(HttpError::InvalidUrl { .. })),
                "{url:?}"
            );
        }
    }

    #[test]
    fn a_url_with_credentials_or_a_fragment_is_refused() {
        for url in ["https://a:b@c.example/", "https://c.example/#x", "c.example"] {
            assert!(
                matches!(Network::default().check(url), Err(HttpError::InvalidUrl { .. })),
                "{url}"
            );
        }
    }
}
