#pragma once

#include "asio_pch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
