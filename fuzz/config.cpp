#include "config/config.hpp"
#include "fuzzers.hpp"

#include <string>

namespace peercron::fuzz {
namespace {

/// Lines behind "---" are --set's.
constexpr std::string_view separator = "\n---\n";

}  // namespace

void fuzz_config(std::string_view bytes)
{
    // These keys read files, which is nothing of the parser's.
    if (bytes.find("_file") != std::string_view::npos) return;
    ConfigSources sources;
    const auto place = bytes.find(separator);
    std::string_view settings = place == std::string_view::npos
                                    ? std::string_view()
                                    : bytes.substr(place + separator.size());
    while (!settings.empty()) {
        const std::string_view line = settings.substr(0, settings.find('\n'));
        sources.settings.emplace_back(line);
        settings.remove_prefix(std::min(settings.size(), line.size() + 1));
    }
    const auto config = Config::parse(bytes.substr(0, place), "fuzz.toml", sources);
    if (!config) {
        promise(!config.error().message.empty(), "a refusal says why");
        return;
    }
    promise(differing_keys(*config, *config).empty(), "a configuration is equal to itself");
    const std::string text = describe(*config, Origins::shown);
    if (text.find("***") != std::string::npos) return;  // a secret: masked
    const auto again = Config::parse(describe(*config), "again.toml", {});
    promise(again.has_value(), "what is printed can be read");
    promise(differing_keys(*config, *again).empty(), "a configuration is printed as it is read");
}

}  // namespace peercron::fuzz
