#include "cli/reconcile.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace tenantseal::cli {
namespace {

using aws::TrailEvent;

// The greatest difference between a call's time and its event's: of clocks, and of whole seconds.
constexpr std::chrono::seconds kFitting{15};

// What AWS answers before it knows who calls, or what: no event tells of it.
bool IsNeverLogged(std::string_view outcome) {
  constexpr std::array<std::string_view, 12> kOutcomes = {"UnrecognizedClientException",
                                                          "InvalidSignatureException",
                                                          "IncompleteSignature",
                                                          "IncompleteSignatureException",
                                                          "MissingAuthenticationToken",
                                                          "MissingAuthenticationTokenException",
                                                          "ExpiredTokenException",
                                                          "InvalidClientTokenId",
                                                          "RequestExpired",
                                                          "SerializationException",
                                                          "UnknownOperationException",
                                                          "request"};
  return std::ranges::find(kOutcomes, outcome) != kOutcomes.end();
}

bool IsDenial(std::string_view outcome) { return outcome.starts_with("AccessDenied"); }

std::string PrincipalOf(const TrailEvent& event) {
  if (!event.role_arn.empty()) return event.role_arn;
  if (!event.principal_arn.empty()) return event.principal_arn;
  return event.principal_type.empty() ? "unknown" : event.principal_type;
}

// One reconciliation in progress.
class Comparison {
 public:
  explicit Comparison(const ReconcileInput& input) : input_(input) {
    for (const KeptCall& call : input.calls) {
      if (call.request_id.empty()) {
        without_id_.push_back(&call);
      } else {
        by_id_.emplace(call.request_id, &call);
      }
    }
    for (const std::string& principal : input.principals) ours_.insert(principal);
  }

  Reconciliation Run() {
    MatchById();
    for (const TrailEvent* event : unmatched_) JudgeEvent(*event);
    for (const KeptCall& call : input_.calls) {
      if (InSpan(call.time)) JudgeCall(call);
    }
    std::ranges::stable_sort(out_.only_trail, {}, &TrailEvent::time);
    return std::move(out_);
  }

 private:
  bool InSpan(base::UtcTime time) const { return time >= input_.from && time <= input_.to; }

  // Copies of an event are in several accounts, and come twice where two of the key's ARNs are in
  // one.
  bool IsNew(const TrailEvent& event) {
    const std::string& id = event.shared_event_id.empty() ? event.event_id : event.shared_event_id;
    return seen_.insert(id).second;
  }

  void MatchById() {
    for (const TrailEvent& event : input_.events) {
      if (!IsNew(event)) continue;
      const auto found = event.request_id.empty() ? by_id_.end() : by_id_.find(event.request_id);
      if (found == by_id_.end()) {
        unmatched_.push_back(&event);
        continue;
      }
      const KeptCall& call = *found->second;
      ours_.insert(PrincipalOf(event));
      matched_.insert(&call);
      if (call.operation != event.name && differing_.insert(&call).second && InSpan(call.time))
        out_.differing.push_back({call, event});
    }
  }

  bool IsOurs(const TrailEvent& event) const {
    if (ours_.contains(PrincipalOf(event)) || ours_.contains(event.principal_arn)) return true;
    // Whoever else it is in the service's account, the service should know.
    return !input_.caller_account.empty() && input_.caller_account != input_.key_account &&
           event.account == input_.caller_account;
  }

  // Takes a call without request id that may be this one.
  bool TakeFitting(const TrailEvent& event) {
    for (const KeptCall* call : without_id_) {
      if (call->operation != event.name || call->region != event.region) continue;
      const auto apart =
          call->time > event.time ? call->time - event.time : event.time - call->time;
      if (apart <= kFitting && fitting_.insert(call).second) return true;
    }
    return false;
  }

  void JudgeEvent(const TrailEvent& event) {
    if (event.source != "kms.amazonaws.com") return;
    const bool ours = !event.of_aws && IsOurs(event);
    if (ours && TakeFitting(event)) return;
    if (!InSpan(event.time)) return;
    if (event.of_aws) {
      ++out_.by_aws;
    } else if (!ours) {
      ++out_.others[PrincipalOf(event)];
    } else if (const LogDoubt* doubt = DoubtAt(event.time)) {
      out_.in_doubt.push_back({event, *doubt});
    } else {
      out_.only_trail.push_back(event);
    }
  }

  const LogDoubt* DoubtAt(base::UtcTime second) const {
    const auto found = std::ranges::find_if(input_.doubts, [&](const LogDoubt& doubt) {
      return second + std::chrono::seconds(1) >= doubt.from && second <= doubt.to;
    });
    return found == input_.doubts.end() ? nullptr : &*found;
  }

  void JudgeCall(const KeptCall& call) {
    ++out_.calls;
    if (matched_.contains(&call)) {
      if (!differing_.contains(&call)) ++out_.agreed;
    } else if (fitting_.contains(&call)) {
      ++out_.fitting;
    } else if (call.by_alias) {
      ++out_.by_alias;
    } else if (IsNeverLogged(call.outcome)) {
      ++out_.never_logged;
    } else if (call.request_id.empty()) {
      ++out_.without_id;
    } else if (call.time > input_.now - kTrailLag) {
      ++out_.recent;
    } else if (!ShouldHaveBeenSeen(call)) {
      ++out_.unread;
    } else {
      out_.only_kept.push_back(call);
    }
  }

  bool Read(const std::string& account, const std::string& region) const {
    return std::ranges::any_of(input_.places, [&](const TrailPlace& place) {
      return place.account == account && place.region == region && place.failure.empty();
    });
  }

  bool ShouldHaveBeenSeen(const KeptCall& call) const {
    if (IsDenial(call.outcome) && input_.denials_unread) return false;
    if (!input_.caller_account.empty() && Read(input_.caller_account, call.region)) return true;
    // The owner's account has no refusals of other accounts' calls.
    return call.outcome == "ok" && Read(input_.key_account, call.region);
  }

  const ReconcileInput& input_;
  Reconciliation out_;
  std::unordered_map<std::string, const KeptCall*> by_id_;
  std::set<std::string> ours_;
  std::unordered_set<std::string> seen_;
  std::vector<const TrailEvent*> unmatched_;
  std::vector<const KeptCall*> without_id_;
  std::unordered_set<const KeptCall*> matched_, differing_, fitting_;
};

}  // namespace

Reconciliation Reconcile(const ReconcileInput& input) { return Comparison(input).Run(); }

}  // namespace tenantseal::cli
