#pragma once

#include "model/notice_defaults.hpp"
#include "store/store.hpp"

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace peercron::testing {

/// A new and empty database of some kind, removed with the object.
class StoreDatabase {
public:
    virtual ~StoreDatabase() = default;

    /// Another session with it.
    std::unique_ptr<Store> open() { return open({}); }
    /// One of a node whose jobs inherit this.
    virtual std::unique_ptr<Store> open(const NoticeDefaults& inherited) = 0;

    /// Changes rows as somebody does who works in the database itself.
    virtual void execute(const std::string& sql) = 0;
};

/// A kind of store that the conformance tests run against.
struct StoreKind {
    std::string name;
    std::function<std::unique_ptr<StoreDatabase>()> make;
};

inline void PrintTo(const StoreKind& kind, std::ostream* out)
{
    *out << kind.name;
}

std::vector<StoreKind> store_kinds();

/// Where it does not matter which: MySQL when $PEERCRON_MYSQLD names one, else SQLite.
std::unique_ptr<StoreDatabase> usual_database();

}  // namespace peercron::testing
