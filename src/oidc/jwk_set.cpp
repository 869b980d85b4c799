#include "oidc/jwk_set.hpp"

#include "base/base64.hpp"
#include "base/freed.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <spdlog/fmt/fmt.h>
#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace peercron {
namespace {

namespace json = boost::json;

using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;             // more would keep this thread busy
constexpr std::size_t most_exponent_bytes = 8;  // so would a long exponent

struct Algorithm {
    std::string_view name;
    const char* digest;
    bool is_pss = false;
    int ec_bits = 0;  // of the curve; 0 = RSA
};

constexpr std::array<Algorithm, 9> algorithms{{{"RS256", "SHA256"},
                                               {"RS384", "SHA384"},
                                               {"RS512", "SHA512"},
                                               {"PS256", "SHA256", true},
                                               {"PS384", "SHA384", true},
                                               {"PS512", "SHA512", true},
                                               {"ES256", "SHA256", false, 256},
                                               {"ES384", "SHA384", false, 384},
                                               {"ES512", "SHA512", false, 521}}};

struct Curve {
    std::string_view name;  // RFC 7518, 6.2.1.1
    const char* group;
    std::size_t bytes;  // of a coordinate
};

constexpr std::array<Curve, 3> curves{
    {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}}};

const Algorithm* find_algorithm(std::string_view name)
{
    const auto* const found = std::ranges::find(algorithms, name, &Algorithm::name);
    return found == algorithms.end() ? nullptr : found;
}

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// "" when there is none, or something else.
std::string_view text_of(const json::object& object, std::string_view name)
{
    const json::value* const value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return value->get_string();
}

BigNumber number_of(std::string_view bytes)
{
    return BigNumber(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> make_key(const char* kind, OSSL_PARAM_BLD* builder)
{
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
    EVP_PKEY* made = nullptr;
    const bool is_made =
        parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
    std::shared_ptr<EVP_PKEY> key(made, Freed<EVP_PKEY_free>());
    return is_made ? key : nullptr;
}

/// RFC 7518, 6.3.1. nullptr: it is none, or one that proves nothing.
std::shared_ptr<EVP_PKEY> read_rsa(const json::object& object)
{
    const auto n = decode_base64url(text_of(object, "n"));
    const auto e = decode_base64url(text_of(object, "e"));
    if (!n || !e || n->size() > most_rsa_bits / 8 || e->size() > most_exponent_bytes)
        return nullptr;
    const BigNumber modulus = number_of(*n);
    const BigNumber exponent = number_of(*e);
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!modulus || !exponent || !builder) return nullptr;
    // With the exponent 1 everything is a signature of itself.
    if (BN_num_bits(modulus.get()) < least_rsa_bits || BN_is_odd(exponent.get()) != 1 ||
        BN_is_one(exponent.get()) == 1) {
        return nullptr;
    }
    if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
        return nullptr;
    }
    return make_key("RSA", builder.get());
}

/// RFC 7518, 6.2.1. nullptr: it is none, or the point is not on the curve.
std::shared_ptr<EVP_PKEY> read_ec(const json::object& object)
{
    const auto* const curve = std::ranges::find(curves, text_of(object, "crv"), &Curve::name);
    const auto x = decode_base64url(text_of(object, "x"));
    const auto y = decode_base64url(text_of(object, "y"));
    if (curve == curves.end() || !x || !y) return nullptr;
    if (x->size() != curve->bytes || y->size() != curve->bytes) return nullptr;
    const std::string point = "\x04" + *x + *y;  // SEC 1, 2.3.3
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group,
                                        0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return nullptr;
    }
    auto key = make_key("EC", builder.get());
    if (!key) return nullptr;
    const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    return check && EVP_PKEY_public_check(check.get()) == 1 ? key : nullptr;
}

/// JOSE has both numbers side by side (RFC 7518, 3.4), OpenSSL wants them in DER.
std::optional<std::string> der_of(std::string_view signature, int bits)
{
    const auto half = static_cast<std::size_t>((bits + 7) / 8);
    if (signature.size() != 2 * half) return std::nullopt;
    BigNumber r = number_of(signature.substr(0, half));
    BigNumber s = number_of(signature.substr(half));
    const EcSignature pair(ECDSA_SIG_new());
    if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
        return std::nullopt;
    }
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)), '\0');
    auto* end = reinterpret_cast<unsigned char*>(der.data());
    i2d_ECDSA_SIG(pair.get(), &end);
    return der;
}

bool is_good(EVP_PKEY* key, const Algorithm& algorithm, std::string_view text,
             std::string_view signature)
{
    std::string der;
    if (algorithm.ec_bits != 0) {
        auto made = der_of(signature, algorithm.ec_bits);
        if (!made) return false;
        der = *std::move(made);
        signature = der;
    }
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    if (!context || EVP_DigestVerifyInit_ex(context.get(), &options, algorithm.digest, nullptr,
                                            nullptr, key, nullptr) != 1) {
        return false;
    }
    if (algorithm.is_pss &&
        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

}  // namespace

bool is_signature_algorithm(std::string_view name)
{
    return find_algorithm(name) != nullptr;
}

Result<JwkSet> JwkSet::parse(std::string_view text)
{
    json::error_code bad;
    const json::value whole = json::parse(text, bad);
    const json::object* const object = bad ? nullptr : whole.if_object();
    const json::value* const list = object == nullptr ? nullptr : object->if_contains("keys");
    if (list == nullptr || !list->is_array()) {
        return Error{"the provider's keys are not a JSON object with a list \"keys\""};
    }
    if (list->get_array().size() > most_keys) {
        return Error{fmt::format("the provider publishes {} keys; at most {} are allowed",
                                 list->get_array().size(), most_keys)};
    }
    JwkSet set;
    for (const json::value& one : list->get_array()) {
        const json::object* const jwk = one.if_object();
        if (jwk == nullptr) continue;
        const std::string_view use = text_of(*jwk, "use");
        if (!use.empty() && use != "sig") continue;
        const std::string_view kind = text_of(*jwk, "kty");
        Key key{std::string(text_of(*jwk, "kid")), std::string(text_of(*jwk, "alg")), nullptr};
        if (kind == "RSA") key.key = read_rsa(*jwk);
        if (kind == "EC") key.key = read_ec(*jwk);
        if (key.key) set.keys_.push_back(std::move(key));
    }
    return set;
}

bool JwkSet::fits(const Key& key, std::string_view algorithm, std::string_view id)
{
    const Algorithm* const wanted = find_algorithm(algorithm);
    if (wanted == nullptr || (!id.empty() && key.id != id)) return false;
    if (!key.algorithm.empty() && key.algorithm != algorithm) return false;
    if (wanted->ec_bits == 0) return EVP_PKEY_is_a(key.key.get(), "RSA") == 1;
    return EVP_PKEY_is_a(key.key.get(), "EC") == 1 &&
           EVP_PKEY_get_bits(key.key.get()) == wanted->ec_bits;
}

bool JwkSet::has_key(std::string_view algorithm, std::string_view id) const
{
    return std::ranges::any_of(keys_, [&](const Key& key) { return fits(key, algorithm, id); });
}

bool JwkSet::is_signature(std::string_view algorithm, std::string_view id, std::string_view text,
                          std::string_view signature) const
{
    return std::ranges::any_of(keys_, [&](const Key& key) {
        return fits(key, algorithm, id) &&
               is_good(key.key.get(), *find_algorithm(algorithm), text, signature);
    });
}

}  // namespace peercron
