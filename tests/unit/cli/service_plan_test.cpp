#include "cli/service_plan.hpp"

#include "cli/exit_status.hpp"
#include "cli/service_unit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ServiceFacts a_machine_with_systemd()
{
    ServiceFacts facts;
    facts.has_systemd = true;
    facts.is_root = true;
    facts.program = "/opt/cron/peercron";
    return facts;
}

std::optional<ExitStatus> refusal_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Failure& failure) {
        return failure.status();
    }
    return std::nullopt;
}

TEST(ServicePlan, InstallsAUnitThatRunsThisProgramAndStartsIt)
{
    const std::string text = plan_text(plan_install(a_machine_with_systemd()));
    EXPECT_THAT(text, HasSubstr("write /etc/systemd/system/peercron.service\n    # systemd unit"));
    EXPECT_THAT(text, HasSubstr("exec /opt/cron/peercron serve"));
    EXPECT_THAT(text, Not(HasSubstr("/usr/bin/peercron")));
    EXPECT_THAT(text, HasSubstr("run systemctl enable peercron.service\n"));
    EXPECT_LT(text.find("daemon-reload"), text.find("systemctl restart"));
}

TEST(ServicePlan, NamesTheProgramThatItCannotInstall)
{
    ServiceFacts facts = a_machine_with_systemd();
    facts.program = "/opt/my cron/peercron";
    EXPECT_EQ(refusal_of([&] { plan_install(facts); }), ExitStatus::usage);
    facts = a_machine_with_systemd();
    facts.unreachable = "/opt/cron";
    EXPECT_EQ(refusal_of([&] { plan_install(facts); }), ExitStatus::usage);
}

TEST(ServicePlan, LeavesTheServiceOfThePackageToThePackage)
{
    ServiceFacts facts = a_machine_with_systemd();
    facts.is_packaged = true;
    EXPECT_EQ(refusal_of([&] { plan_install(facts); }), ExitStatus::conflict);
    EXPECT_EQ(refusal_of([&] { plan_remove(facts); }), ExitStatus::conflict);
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "stop"); }), std::nullopt);
}

TEST(ServicePlan, IsCarriedOutOnlyByRootUnderSystemdAndForAServiceThatThereIs)
{
    ServiceFacts facts = a_machine_with_systemd();
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "install"); }), std::nullopt);
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "remove"); }), ExitStatus::not_found);
    facts.is_installed = true;
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "remove"); }), std::nullopt);
    facts.is_root = false;
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "remove"); }), ExitStatus::not_allowed);
    facts.has_systemd = false;
    EXPECT_EQ(refusal_of([&] { check_possible(facts, "remove"); }), ExitStatus::unavailable);
}

TEST(ServiceUnit, IsThePackagedOneForAProgramThatIsWhereThePackageHasIt)
{
    EXPECT_EQ(service_unit("/usr/bin/peercron"), packaged_service_unit());
    // A path that has the packaged one in it.
    EXPECT_THAT(service_unit("/srv/usr/bin/peercron"), Not(HasSubstr("/srv/srv")));
}

TEST(ServiceState, IsToldInWords)
{
    const std::string shown =
        "LoadState=loaded\nActiveState=active\n"
        "StateChangeTimestamp=Sun 2026-11-29 10:00:00 UTC\nUnitFileState=enabled\nMainPID=4711\n"
        "FragmentPath=/lib/systemd/system/peercron.service\n";
    EXPECT_EQ(state_text(read_service_state(shown)),
              "peercron runs since Sun 2026-11-29 10:00:00 UTC, as process 4711\n"
              "it starts at each boot\n"
              "its unit is /lib/systemd/system/peercron.service\n");
    EXPECT_THAT(state_text(read_service_state("ActiveState=inactive\nUnitFileState=disabled\n")),
                HasSubstr("peercron is stopped\nit does not start at boot"));
    EXPECT_THAT(state_text(read_service_state("ActiveState=failed\n")), HasSubstr("journalctl"));
}

}  // namespace
}  // namespace peercron
