#include <copse/base/status_macros.h>
#include <copse/replica/exchange.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "message_reader.h"
#include "signing.h"
#include "tls_connection.h"

namespace copse::replica {
namespace {

constexpr std::chrono::seconds kAnswerMax{14};  ///< After the at most 5 that connecting takes.

/// What comes first: an answer, an end, or the end of patience.
class Outcome {
 public:
  void Set(absl::StatusOr<std::string> result) {
    const std::lock_guard lock(mutex_);
    if (!result_.has_value()) result_ = std::move(result);
    changed_.notify_all();
  }
  absl::StatusOr<std::string> Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return result_.has_value(); });
    return *result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<absl::StatusOr<std::string>> result_;
};

/// The answer in `reader`, if it is whole.
std::optional<absl::StatusOr<std::string>> AnswerIn(MessageReader& reader) {
  for (;;) {
    const absl::StatusOr<std::optional<MessageReader::Item>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return std::nullopt;
    const Message& message = (*next)->message;
    if (const auto* welcome = std::get_if<message::Welcome>(&message)) return welcome->bytes;
    if (const auto* refused = std::get_if<message::Refused>(&message)) {
      return absl::PermissionDeniedError("refused: " + refused->reason);
    }
    // Whoever was let in by an earlier request, and did not hear of it, is greeted as a member first.
    const bool is_greeting =
        std::holds_alternative<message::Hello>(message) || std::holds_alternative<message::Credit>(message);
    if (!is_greeting) {
      return absl::DataLossError("answered " + NameOf(message) + " to Join");
    }
  }
}

}  // namespace

absl::StatusOr<std::string> RequestAdmission(base::Network& network, base::Executor& executor,
                                             const AdmissionRequest& request) {
  if (request.signing_secret.size() != kSigningSecretBytes || request.inviter_key.size() != kSigningPublicBytes ||
      request.secret.size() != kAdmissionSecretBytes || !IsLabel(request.label)) {
    return absl::InvalidArgumentError("the invitation or the label is malformed");
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::Connection> inner, network.Connect(request.endpoint));

  const auto outcome = std::make_shared<Outcome>();
  const auto reader = std::make_shared<MessageReader>();
  TlsConnection::Options options;
  options.judge = [expected = request.inviter_key](const std::string& key) {
    return key == expected ? absl::OkStatus()
                           : absl::PermissionDeniedError("whoever answers there is not who made the invitation");
  };
  TlsConnection connection(TlsCredentials::Of(request.signing_secret), std::move(inner), executor, std::move(options));
  connection.Start({[outcome, reader](std::string_view bytes) {
                      reader->Append(bytes);
                      if (auto answer = AnswerIn(*reader)) outcome->Set(*std::move(answer));
                    },
                    [outcome](const absl::Status& reason) {
                      outcome->Set(reason.ok() ? absl::UnavailableError("closed the connection without an answer")
                                               : reason);
                    }});
  connection.Send(EncodeMessage(message::Join{request.secret, request.label}));  // Goes to the expected key only.
  const base::Executor::WorkId limit =
      executor.Post([outcome] { outcome->Set(absl::UnavailableError("did not answer in time")); }, kAnswerMax);
  absl::StatusOr<std::string> result = outcome->Wait();
  executor.Cancel(limit);
  if (result.ok()) return result;
  return absl::Status(result.status().code(), request.endpoint + ": " + std::string(result.status().message()));
}

}  // namespace copse::replica
