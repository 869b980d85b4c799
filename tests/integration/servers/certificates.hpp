#pragma once

#include "integration/servers/child_process.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace peercron::testing {

/// Certificates of an authority of the test's own, made by openssl(1); gone with the object.
class Certificates {
public:
    Certificates()
    {
        authority("ca");
        authority("other-ca");
        issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
        issue("elsewhere", "subjectAltName=DNS:elsewhere.example");
        issue("client", "subjectAltName=DNS:client.example");
    }

    /// The file in PEM: "ca", "other-ca", "server", "elsewhere", "client", and what was issued.
    std::string cert(const std::string& name) const { return file(name + ".pem"); }
    std::string key(const std::string& name) const { return file(name + ".key"); }

    static constexpr const char* usual_key = "ec -pkeyopt ec_paramgen_curve:prime256v1";

    /// @param key_kind  as `openssl req -newkey` takes it
    void authority(const std::string& name, const std::string& key_kind = usual_key) const
    {
        run("req -x509 -newkey " + key_kind + " -nodes -days 2 -subj /CN=" + name + " -keyout " +
            key(name) + " -out " + cert(name));
    }

    /// @param days  from now on; negative: it has expired
    void issue(const std::string& name, const std::string& extension,
               const std::string& authority = "ca", int days = 2,
               const std::string& key_kind = usual_key) const
    {
        std::ofstream(file(name + ".ext")) << extension << '\n';
        run("req -newkey " + key_kind + " -nodes -subj /CN=" + name + " -keyout " + key(name) +
            " -out " + file(name + ".csr"));
        run("x509 -req -days " + std::to_string(days) + " -in " + file(name + ".csr") + " -CA " +
            cert(authority) + " -CAkey " + key(authority) + " -CAcreateserial -extfile " +
            file(name + ".ext") + " -out " + cert(name));
    }

    /// A new file with what these certificates have.
    std::string join(const std::string& name, const std::vector<std::string>& certificates) const
    {
        std::ofstream out(cert(name));
        for (const std::string& one : certificates) out << std::ifstream(cert(one)).rdbuf();
        return cert(name);
    }

private:
    std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

    void run(const std::string& arguments) const
    {
        const std::string command = "openssl " + arguments + " >>" + file("log") + " 2>&1";
        if (std::system(command.c_str()) != 0) {
            throw std::runtime_error("failed: openssl " + arguments);
        }
    }

    ServerFolder folder_{"certificates"};
};

}  // namespace peercron::testing
