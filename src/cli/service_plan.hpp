#pragma once

#include <string>
#include <variant>
#include <vector>

namespace peercron {

/// What `service` has found on this machine.
struct ServiceFacts {
    bool has_systemd = false;  ///< it is the service manager now: sd_booted(3)
    bool is_root = false;
    bool is_packaged = false;   ///< the unit of the Debian package is there
    bool is_installed = false;  ///< a unit in /etc/systemd/system is there
    std::string program;        ///< where this program is
    std::string unreachable;    ///< the part of that path that other users may not use; empty: none
};

struct WriteFile {
    std::string path;
    std::string text;
};
struct RemoveFile {
    std::string path;
};
struct RunProgram {
    std::vector<std::string> words;
};

/// One thing to do, and what for.
struct ServiceStep {
    std::string purpose;  ///< "start it now and at each boot"
    std::variant<WriteFile, RemoveFile, RunProgram> action;
};

// What the commands of `service` do to this machine; pure. Those that cannot work whatever the
// service manager is throw Failure, and say what would.

std::vector<ServiceStep> plan_install(const ServiceFacts& facts);
std::vector<ServiceStep> plan_remove(const ServiceFacts& facts);

/// @param verb of systemctl: start, stop or restart.
std::vector<ServiceStep> plan_control(const std::string& verb);

/// Throws Failure, with what to do instead, if steps cannot be carried out on this machine: without
/// systemd, by another user than root, or (but for `install`) because there is no service. Pure.
void check_possible(const ServiceFacts& facts, const std::string& command);

/// The plan for a person, a paragraph per step.
std::string plan_text(const std::vector<ServiceStep>& steps);

/// What `systemctl show` says of the service.
struct ServiceState {
    std::string load;       ///< LoadState: "not-found" if there is no unit
    std::string active;     ///< ActiveState: "active", "failed", …
    std::string since;      ///< when it became so
    std::string enabled;    ///< UnitFileState: "enabled" if it starts at boot
    std::string process;    ///< of the warden; "0" if there is none
    std::string unit_file;  ///< where it is
};

/// Lines of NAME=VALUE, as `systemctl show` prints them. Pure.
ServiceState read_service_state(const std::string& shown);

/// The state in words. Pure.
std::string state_text(const ServiceState& state);

}  // namespace peercron
