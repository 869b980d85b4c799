#include "base/maybe_tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

namespace peercron {

void expect_server(SSL* ssl, const std::string& host)
{
    boost::system::error_code is_name;
    boost::asio::ip::make_address(host, is_name);
    if (is_name) {
        SSL_set_tlsext_host_name(ssl, host.c_str());
        SSL_set1_host(ssl, host.c_str());
    } else {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    }
}

std::string handshake_failure(SSL* ssl, boost::system::error_code error)
{
    namespace asio = boost::asio;
    const long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK) {
        return std::string("its certificate is not trusted: ") +
               X509_verify_cert_error_string(verified);
    }
    if (error == asio::ssl::error::stream_truncated || error == asio::error::eof ||
        error == asio::error::connection_reset) {
        return "it ended the connection in the TLS handshake";
    }
    if (error.category() != asio::error::get_ssl_category()) return error.message();
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
        case SSL_R_WRONG_VERSION_NUMBER:
            return "it does not speak TLS there";
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return "it asks for a certificate that it trusts (TLS: " + error.message() + ")";
        default:
            return "the TLS handshake failed: " + error.message();
    }
}

}  // namespace peercron
