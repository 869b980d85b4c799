#pragma once

#include "asio_pch.hpp"

#include <spdlog/fmt/fmt.h>
#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
