//! Types that other code cannot make, read from text, or convert from another type. The
//! `compile_fail` examples in the crate's README test the rest.
#![cfg(test)]

use etdi_client::{
    ApprovalRequest, ApprovedTool, EtdiClient, JudgedTool, Refusal, ServerConnection,
};
use etdi_types::{SecurityLevel, TrustConfig, Verdict};
use serde::de::DeserializeOwned;
use static_assertions::{assert_impl_all, assert_not_impl_any};

assert_not_impl_any!(ApprovedTool: Default, DeserializeOwned, From<JudgedTool>, From<ApprovalRequest>);
assert_not_impl_any!(JudgedTool: Default, DeserializeOwned, From<Verdict>);
assert_not_impl_any!(ApprovalRequest: Default, DeserializeOwned, From<JudgedTool>, From<Refusal>);
assert_not_impl_any!(Verdict: Default, DeserializeOwned);
assert_impl_all!(ApprovedTool: Clone, Send, Sync);
assert_impl_all!(ServerConnection: Send, Sync);

#[test]
fn a_strict_client_needs_call_proofs() {
    let error = EtdiClient::builder(TrustConfig::default())
        .level(SecurityLevel::Strict)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("needs call proofs"), "{error}");
}

/// A host may move any of these futures to another thread.
#[test]
fn the_futures_of_a_connection_are_send() {
    fn is_send<T: Send>(_: impl FnOnce(ServerConnection, ApprovedTool, ApprovalRequest) -> T) {}
    is_send(|server, tool, _| async move { server.call(&tool, Default::default()).await.is_ok() });
    is_send(|server, _, _| async move { server.discover().await.is_ok() });
    is_send(|server, _, request| async move {
        server.decide(request.tool()).await.is_ok()
            && server.approve(request, etdi_client::Approval::by("alice")).await.is_ok()
    });
    is_send(|server, _, _| async move { server.instructions().await.is_ok() });
    is_send(|server, _, _| async move { server.relaunch().await.is_ok() });
}
