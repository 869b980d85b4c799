#pragma once

#include "http/router.hpp"

namespace peercron {

/// The console, a page for browsers, below /ui/: its files, and the page itself at every address
/// that names a screen, such as /ui/job/backup. "/" leads browsers there, and tells programs where
/// things are. No token is needed: the files are the same for everybody, and the page has only what
/// the API tells it.
///
/// All references are relative, so that a proxy may put the whole API below a path of its own.
void add_console_routes(Router& router);

}  // namespace peercron
