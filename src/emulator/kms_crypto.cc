// Encrypt, Decrypt, GenerateDataKey, ReEncrypt, GenerateRandom.
#include <algorithm>

#include "base/encoding.h"
#include "emulator/ciphertext.h"
#include "emulator/json_text.h"
#include "emulator/kms_json.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

constexpr Length kPlaintextLength{.min = 1, .max = 4096, .required = true, .secret = true};
constexpr Length kBlobLength{.min = 1, .max = 6144, .required = true, .secret = true};
constexpr std::string_view kAlgorithms[] = {kSymmetricDefault, "RSAES_OAEP_SHA_1",
                                            "RSAES_OAEP_SHA_256", "SM2PKE"};
constexpr std::string_view kDataKeySpecs[] = {"AES_256", "AES_128"};

std::string ReadAlgorithm(Input& input, std::string_view name) {
  return input.Enum(name, kSymmetricDefault, kAlgorithms);
}

// requestParameters of the crypto operations, written by hand: they are the hot ones.
class Parameters {
 public:
  void Text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    Name(name);
    AppendJsonText(value, out_);
  }
  void Number(std::string_view name, std::int64_t value) {
    Name(name);
    out_ += std::to_string(value);
  }
  void Context(std::string_view name, const ContextPairs& context) {
    if (context.empty()) return;
    Name(name);
    char separator = '{';
    for (const auto& [key, value] : context) {
      out_ += separator;
      AppendJsonText(key, out_);
      out_ += ':';
      AppendJsonText(value, out_);
      separator = ',';
    }
    out_ += '}';
  }
  std::string Take() {
    if (out_.empty()) return "";
    out_ += '}';
    return std::move(out_);
  }

 private:
  void Name(std::string_view name) {
    out_ += out_.empty() ? "{\"" : ",\"";
    out_.append(name).append("\":");
  }
  std::string out_;
};

std::string MaterialNote(std::string_view material_id) {
  return "{\"keyMaterialId\":\"" + std::string(material_id) + "\"}";
}

// What a crypto operation does with a key, checked in AWS's order: may the caller, is the key in a
// state and of a kind for it.
struct Use {
  std::string operation;  // Of the permission: "Encrypt", "ReEncryptFrom".
  std::string algorithm;  // Empty where the request has none.
  const ContextPairs* context;
  aws::ConditionContext extra = {};
};
Answer<std::shared_ptr<const MaterialSet>> TakeMaterial(KmsRequest& request, const FoundKey& key,
                                                        const Use& use) {
  Permission permission{"kms:" + use.operation, use.context, use.operation, true, use.extra};
  if (!use.algorithm.empty()) permission.extra["kms:encryptionalgorithm"] = {use.algorithm};
  TS_RETURN_IF_ERROR(Authorise(request, key, permission));
  if (std::optional<Fault> fault = RefusedByState(*key.key, StateRule::kCrypto)) return *fault;
  if (key->usage != "ENCRYPT_DECRYPT") {
    return InvalidKeyUsage(key->arn() + " key usage is " + key->usage + " which is not valid for " +
                           request.call.operation + ".");
  }
  std::shared_ptr<const MaterialSet> set =
      request.world.Read([&](const Contents& contents) { return contents.MaterialOf(*key.key); });
  if (!set) {
    return use.algorithm == kSymmetricDefault || use.algorithm.empty()
               ? InvalidKeyUsage("Algorithm " + std::string(kSymmetricDefault) +
                                 " is incompatible with key spec " + key->spec + ".")
               : Unsupported(key->arn() + " is asymmetric: the emulator only describes such keys.");
  }
  if (!use.algorithm.empty() && use.algorithm != kSymmetricDefault) {
    return InvalidKeyUsage("Algorithm " + use.algorithm + " is incompatible with key spec " +
                           key->spec + ".");
  }
  return set;
}

// The key that a blob names, in the called region: of the caller's account first.
Answer<FoundKey> KeyOfBlob(KmsRequest& request, const CiphertextHeader& header,
                           const std::string& action) {
  std::shared_ptr<const Key> found = request.world.Read([&](const Contents& contents) {
    std::shared_ptr<const Key> best;
    auto arns = contents.arns_by_id.find(header.key_id);
    if (arns == contents.arns_by_id.end()) return best;
    for (const std::string& arn : arns->second) {
      std::shared_ptr<const Key> key = contents.FindKey(arn);
      if (key->region != request.call.region) continue;
      if (!best || key->account == request.call.caller->identity.account) best = std::move(key);
    }
    return best;
  });
  if (!found) return DeniedUnknownKey(request, action);
  return FoundKey(std::move(found));
}

struct Opened {
  base::SecretBytes plaintext;
  std::string material_id;
};
Answer<Opened> Open(const MaterialSet& set, const CiphertextHeader& header, base::ByteSpan blob,
                    const ContextPairs& context) {
  for (const BackingKey& version : set.versions) {
    if (version.id != header.material_id) continue;
    std::optional<base::SecretBytes> plaintext = OpenBlob(blob, version, context);
    if (!plaintext) return InvalidCiphertext();
    return Opened{std::move(*plaintext), version.id};
  }
  return InvalidCiphertext();
}

struct DataKey {
  base::SecretBytes plaintext;
  base::Bytes blob;
  std::string arn, material_id;
};
Answer<DataKey> MakeDataKey(KmsRequest& request) {
  Input& input = request.input;
  const std::string_view key_id = input.Text("KeyId", kKeyIdLength);
  const ContextPairs context = input.Context("EncryptionContext");
  const std::string spec = input.Enum("KeySpec", "", kDataKeySpecs);
  const std::optional<std::int64_t> bytes = input.Integer("NumberOfBytes", 1, 1024);
  TS_RETURN_IF_ERROR(EndInput(request));
  if (input.Has("Recipient")) return Unsupported("Recipient is not supported by the emulator.");
  if (spec.empty() == !bytes.has_value()) {
    return Validation(spec.empty() ? "Please specify either number of bytes or key spec."
                                   : "Please specify either number of bytes or key spec, not "
                                     "both.");
  }
  Parameters parameters;
  parameters.Context("encryptionContext", context);
  parameters.Text("keyId", key_id);
  parameters.Text("keySpec", spec);
  if (bytes) parameters.Number("numberOfBytes", *bytes);
  request.note.request_parameters_json = parameters.Take();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kAny));
  TS_ASSIGN_OR_RETURN(
      std::shared_ptr<const MaterialSet> set,
      TakeMaterial(request, key,
                   {request.call.operation,
                    "",
                    &context,
                    {{"kms:encryptionalgorithm", {std::string(kSymmetricDefault)}}}}));
  TS_RETURN_IF_ERROR(EndDryRun(request));
  const std::size_t size = bytes ? static_cast<std::size_t>(*bytes) : spec == "AES_128" ? 16 : 32;
  DataKey out;
  out.plaintext = base::SecretBytes(size);
  request.world.random().Fill(out.plaintext.RevealMutable());
  const BackingKey& material = set->versions.back();
  out.blob = SealBlob(key->id, material, context, out.plaintext.Reveal(), request.world.random());
  out.arn = key.arn;
  out.material_id = material.id;
  request.note.additional_data_json = MaterialNote(material.id);
  return out;
}

}  // namespace

Answer<Body> Encrypt(KmsRequest& request) {
  Input& input = request.input;
  const std::string_view key_id = input.Text("KeyId", kKeyIdLength);
  const base::SecretBytes plaintext = input.SecretBlob("Plaintext", kPlaintextLength);
  const ContextPairs context = input.Context("EncryptionContext");
  const std::string algorithm = ReadAlgorithm(input, "EncryptionAlgorithm");
  TS_RETURN_IF_ERROR(EndInput(request));
  Parameters parameters;
  parameters.Text("keyId", key_id);
  parameters.Text("encryptionAlgorithm", algorithm);
  parameters.Context("encryptionContext", context);
  request.note.request_parameters_json = parameters.Take();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kAny));
  TS_ASSIGN_OR_RETURN(std::shared_ptr<const MaterialSet> set,
                      TakeMaterial(request, key, {"Encrypt", algorithm, &context}));
  TS_RETURN_IF_ERROR(EndDryRun(request));
  const BackingKey& material = set->versions.back();
  const base::Bytes blob =
      SealBlob(key->id, material, context, plaintext.Reveal(), request.world.random());
  request.note.additional_data_json = MaterialNote(material.id);
  SecretObject out(base::Base64Size(blob.size()) + 512);
  out.Blob("CiphertextBlob", blob);
  out.Text("KeyId", key.arn);
  out.Text("EncryptionAlgorithm", algorithm);
  return out.Take();
}

Answer<Body> Decrypt(KmsRequest& request) {
  Input& input = request.input;
  const base::Bytes blob = input.Blob("CiphertextBlob", kBlobLength);
  const std::string_view key_id = input.Text("KeyId", kOptionalKeyIdLength);
  const ContextPairs context = input.Context("EncryptionContext");
  const std::string algorithm = ReadAlgorithm(input, "EncryptionAlgorithm");
  TS_RETURN_IF_ERROR(EndInput(request));
  if (input.Has("Recipient")) return Unsupported("Recipient is not supported by the emulator.");
  Parameters parameters;
  parameters.Text("encryptionAlgorithm", algorithm);
  parameters.Text("keyId", key_id);
  parameters.Context("encryptionContext", context);
  request.note.request_parameters_json = parameters.Take();
  const std::optional<CiphertextHeader> header = ParseBlobHeader(blob);
  if (key_id.empty() && !header) return InvalidCiphertext();
  TS_ASSIGN_OR_RETURN(FoundKey key, key_id.empty() ? KeyOfBlob(request, *header, "kms:Decrypt")
                                                   : FindKey(request, key_id, IdForms::kAny));
  Parameters resolved;  // Decrypt always records the key that it came to.
  resolved.Text("encryptionAlgorithm", algorithm);
  resolved.Text("keyId", key.arn);
  resolved.Context("encryptionContext", context);
  request.note.request_parameters_json = resolved.Take();
  TS_ASSIGN_OR_RETURN(std::shared_ptr<const MaterialSet> set,
                      TakeMaterial(request, key, {"Decrypt", algorithm, &context}));
  if (!header) return InvalidCiphertext();
  if (header->key_id != key->id) return IncorrectKey();
  TS_ASSIGN_OR_RETURN(Opened opened, Open(*set, *header, blob, context));
  TS_RETURN_IF_ERROR(EndDryRun(request));
  request.note.additional_data_json = MaterialNote(opened.material_id);
  SecretObject out(base::Base64Size(opened.plaintext.size()) + 512);
  out.Text("KeyId", key.arn);
  out.Blob("Plaintext", opened.plaintext.Reveal());
  out.Text("EncryptionAlgorithm", algorithm);
  out.Text("KeyMaterialId", opened.material_id);
  return out.Take();
}

Answer<Body> GenerateDataKey(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(DataKey made, MakeDataKey(request));
  SecretObject out(base::Base64Size(made.blob.size()) + base::Base64Size(made.plaintext.size()) +
                   512);
  out.Blob("CiphertextBlob", made.blob);
  out.Blob("Plaintext", made.plaintext.Reveal());
  out.Text("KeyId", made.arn);
  out.Text("KeyMaterialId", made.material_id);
  return out.Take();
}

Answer<Body> GenerateDataKeyWithoutPlaintext(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(DataKey made, MakeDataKey(request));
  SecretObject out(base::Base64Size(made.blob.size()) + 512);
  out.Blob("CiphertextBlob", made.blob);
  out.Text("KeyId", made.arn);
  out.Text("KeyMaterialId", made.material_id);
  return out.Take();
}

namespace {

struct ReEncryptInput {
  base::Bytes blob;
  std::string_view source_id, destination_id;
  ContextPairs source_context, destination_context;
  std::string source_algorithm, destination_algorithm;
};
Answer<ReEncryptInput> ReadReEncrypt(KmsRequest& request) {
  Input& input = request.input;
  ReEncryptInput in;
  in.blob = input.Blob("CiphertextBlob", kBlobLength);
  in.source_id = input.Text("SourceKeyId", kOptionalKeyIdLength);
  in.destination_id = input.Text("DestinationKeyId", kKeyIdLength);
  in.source_context = input.Context("SourceEncryptionContext");
  in.destination_context = input.Context("DestinationEncryptionContext");
  in.source_algorithm = ReadAlgorithm(input, "SourceEncryptionAlgorithm");
  in.destination_algorithm = ReadAlgorithm(input, "DestinationEncryptionAlgorithm");
  TS_RETURN_IF_ERROR(EndInput(request));
  Parameters parameters;
  parameters.Text("sourceEncryptionAlgorithm", in.source_algorithm);
  parameters.Context("sourceEncryptionContext", in.source_context);
  parameters.Text("sourceKeyId", in.source_id);
  parameters.Text("destinationKeyId", in.destination_id);
  parameters.Text("destinationEncryptionAlgorithm", in.destination_algorithm);
  parameters.Context("destinationEncryptionContext", in.destination_context);
  request.note.request_parameters_json = parameters.Take();
  return in;
}

// FindKey() for one of the two keys: a key of another account that is not there looks like one that
// refuses `action`.
Answer<FoundKey> FindFor(KmsRequest& request, std::string_view key_id, const std::string& action) {
  Answer<FoundKey> found = FindKey(request, key_id, IdForms::kAny);
  if (!found && found.error().code == "AccessDeniedException")
    return DeniedUnknownKey(request, action);
  return found;
}

}  // namespace

Answer<Body> ReEncrypt(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(ReEncryptInput in, ReadReEncrypt(request));
  const std::optional<CiphertextHeader> header = ParseBlobHeader(in.blob);
  if (in.source_id.empty() && !header) return InvalidCiphertext();
  TS_ASSIGN_OR_RETURN(FoundKey source, in.source_id.empty()
                                           ? KeyOfBlob(request, *header, "kms:ReEncryptFrom")
                                           : FindFor(request, in.source_id, "kms:ReEncryptFrom"));
  // Whether it is there is told only to those who may use the source.
  Answer<FoundKey> sought = FindFor(request, in.destination_id, "kms:ReEncryptTo");
  const bool same_key = sought && source->arn() == (*sought)->arn();
  const aws::ConditionContext same{{"kms:reencryptonsamekey", {same_key ? "true" : "false"}}};
  TS_ASSIGN_OR_RETURN(
      auto from, TakeMaterial(request, source,
                              {"ReEncryptFrom", in.source_algorithm, &in.source_context, same}));
  TS_ASSIGN_OR_RETURN(FoundKey destination, std::move(sought));
  TS_ASSIGN_OR_RETURN(auto to, TakeMaterial(request, destination,
                                            {"ReEncryptTo", in.destination_algorithm,
                                             &in.destination_context, same}));
  if (!header) return InvalidCiphertext();
  if (header->key_id != source->id) return IncorrectKey();
  TS_ASSIGN_OR_RETURN(Opened opened, Open(*from, *header, in.blob, in.source_context));
  TS_RETURN_IF_ERROR(EndDryRun(request));
  const BackingKey& material = to->versions.back();
  const base::Bytes blob = SealBlob(destination->id, material, in.destination_context,
                                    opened.plaintext.Reveal(), request.world.random());
  SecretObject out(base::Base64Size(blob.size()) + 1024);
  out.Blob("CiphertextBlob", blob);
  out.Text("SourceKeyId", source->arn());
  out.Text("KeyId", destination->arn());
  out.Text("SourceEncryptionAlgorithm", in.source_algorithm);
  out.Text("DestinationEncryptionAlgorithm", in.destination_algorithm);
  out.Text("SourceKeyMaterialId", opened.material_id);
  out.Text("DestinationKeyMaterialId", material.id);
  return out.Take();
}

Answer<Body> GenerateRandom(KmsRequest& request) {
  Input& input = request.input;
  const std::optional<std::int64_t> bytes = input.Integer("NumberOfBytes", 1, 1024);
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (input.Has("Recipient")) return Unsupported("Recipient is not supported by the emulator.");
  if (!bytes) return Validation("Please specify number of bytes.");
  request.note.request_parameters_json = input.TrailParameters();
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:GenerateRandom", "*"));
  base::SecretBytes random(static_cast<std::size_t>(*bytes));
  request.world.random().Fill(random.RevealMutable());
  SecretObject out(base::Base64Size(random.size()) + 64);
  out.Blob("Plaintext", random.Reveal());
  return out.Take();
}

}  // namespace tenantseal::emulator
