//! Types that cannot be made, copied from text, or used in another type's place. The examples in
//! the crate's documentation that must not compile test the other half.
#![cfg(test)]

use etdi_judge::{
    ApprovalRequest, ApprovedTool, ConnectionId, Decision, Judge, JudgedTool, Judging, Refusal,
};
use etdi_types::ServerIdentity;
use serde::de::DeserializeOwned;
use static_assertions::{assert_impl_all, assert_not_impl_any};

assert_not_impl_any!(ApprovedTool: Default, DeserializeOwned, From<JudgedTool>, From<ApprovalRequest>);
assert_not_impl_any!(JudgedTool: Default, DeserializeOwned);
assert_not_impl_any!(ApprovalRequest: Default, DeserializeOwned, From<JudgedTool>, From<Refusal>);
assert_not_impl_any!(Decision: Default, DeserializeOwned, From<JudgedTool>, From<Judging>);
assert_not_impl_any!(ConnectionId: Default, DeserializeOwned, From<ServerIdentity>);
assert_impl_all!(ApprovedTool: Clone, Send, Sync);
assert_impl_all!(Judge: Send, Sync);

/// A host may move any of these to another thread.
#[test]
fn the_futures_of_a_judge_are_send() {
    fn is_send<T: Send>(_: impl FnOnce(Judge, etdi_judge::Snapshot, ApprovalRequest) -> T) {}
    is_send(|judge, snapshot, _| async move { judge.decide_all(&snapshot).await.is_ok() });
    is_send(|judge, snapshot, request| async move {
        let approval = etdi_judge::Approval::by("alice");
        judge.approve(&snapshot, &request, &approval).await.is_ok()
    });
}
