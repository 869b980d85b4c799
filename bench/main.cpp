#include "figures.hpp"
#include "parts.hpp"

#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <boost/json/serialize.hpp>

#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

namespace {

using namespace peercron::bench;

using Measure = std::function<void(const Settings&, Figures&)>;

const std::map<std::string, Measure>& parts()
{
    static const std::map<std::string, Measure> parts{
        {"raw", measure_raw},           {"cron", measure_cron},   {"plan", measure_plan},
        {"protocol", measure_protocol}, {"store", measure_store}, {"insight", measure_insight},
        {"consul", measure_consul},     {"where", measure_where},
    };
    return parts;
}

void write(const std::filesystem::path& file, const Figures& figures)
{
    std::ofstream out(file);
    out << boost::json::serialize(figures.all()) << '\n';
    if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace

int main(int argc, char** argv)
{
    CLI::App app("Measures one part of peercron beside its limit, on this machine, now.");
    std::string part;
    std::string json;
    Settings settings;
    settings.folder = "bench-data";
    settings.corpus = PEERCRON_CORPUS;
    app.add_option("PART", part, "what to measure")->required()->check(CLI::IsMember(parts()));
    app.add_option("--json", json, "also write the figures to this file, as one JSON object");
    app.add_flag("--quick", settings.quick, "seconds instead of a minute, and less exact");
    app.add_flag("--large", settings.large, "only sizes at which something breaks; minutes");
    app.add_option("--folder", settings.folder, "for databases and servers of its own");
    app.add_option("--corpus", settings.corpus, "cron expressions, one on a line");
    CLI11_PARSE(app, argc, argv);

    spdlog::set_level(spdlog::level::warn);
    try {
        std::filesystem::create_directories(settings.folder);
        Figures figures;
        parts().at(part)(settings, figures);
        if (!json.empty()) write(json, figures);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        return 1;
    }
    return 0;
}
