//! The `Host` and `Origin` headers that a server behind its addresses accepts.

use url::Url;

use crate::server::SecureServer;

impl SecureServer {
    /// Returns the hosts of the addresses of [`served_at`](crate::SecureServerBuilder::served_at),
    /// for `StreamableHttpServerConfig::with_allowed_hosts`. rmcp's own default allows the loopback
    /// interface alone, so a public server would answer each client with 403.
    ///
    /// Without an address, returns the loopback names of rmcp's default: an empty list would allow
    /// every host, and a web page could reach a local server under a name of its own (DNS
    /// rebinding).
    #[must_use]
    pub fn allowed_hosts(&self) -> Vec<String> {
        let mut hosts = self.of_addresses(|url| {
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        });
        if hosts.is_empty() {
            hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        }
        hosts
    }

    /// Returns the origins of the addresses of
    /// [`served_at`](crate::SecureServerBuilder::served_at), for
    /// `StreamableHttpServerConfig::with_allowed_origins`. rmcp's own default does not check
    /// `Origin`, so any web page could send requests to the server from a visitor's browser.
    /// Requests without the header always pass. Add the origins of other sites whose pages may use
    /// the server.
    ///
    /// Without an address, returns the origins of the loopback interface, with any port.
    #[must_use]
    pub fn allowed_origins(&self) -> Vec<String> {
        let mut origins = self.of_addresses(|url| {
            let (host, port) = (url.host_str()?, url.port_or_known_default()?);
            Some(format!("{}://{host}:{port}", url.scheme()))
        });
        if origins.is_empty() {
            let loopback = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];
            origins.extend(loopback.map(str::to_owned));
        }
        origins
    }

    fn of_addresses(&self, part: impl Fn(&Url) -> Option<String>) -> Vec<String> {
        let catalog = self.catalog();
        let urls = catalog.servers().iter().filter_map(|server| Url::parse(server).ok());
        let mut parts: Vec<_> = urls.filter_map(|url| part(&url)).collect();
        parts.sort();
        parts.dedup();
        parts
    }
}
