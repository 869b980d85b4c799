# Compiles the migrations of sql/DIALECT into a library, so that the program needs no path at run
# time. Included by CMake as a module, and run by it as a script that writes the C++ file.

if(CMAKE_SCRIPT_MODE_FILE)
    set(entries "")
    foreach(file ${FILES})
        get_filename_component(name ${file} NAME_WE)
        if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
            message(FATAL_ERROR "${file}: a migration is named like 0001_what_it_does.sql")
        endif()
        string(REGEX REPLACE "^0+" "" number ${CMAKE_MATCH_1})
        file(READ ${file} sql)
        string(APPEND entries "    {${number}, \"${name}\", R\"sql(${sql})sql\"},\n")
    endforeach()
    file(WRITE ${OUTPUT} "#include \"store/migration.hpp\"

namespace peercron {
namespace {

constexpr Migration embedded_${DIALECT}[]{
${entries}};

}  // namespace

std::span<const Migration> ${DIALECT}_migrations() { return embedded_${DIALECT}; }

}  // namespace peercron
")
    return()
endif()

set(embed_migrations_script ${CMAKE_CURRENT_LIST_FILE})

function(embed_migrations library dialect)
    set(directory ${PROJECT_SOURCE_DIR}/sql/${dialect})
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${dialect}_migrations.cpp)
    file(GLOB files CONFIGURE_DEPENDS ${directory}/*.sql)
    list(SORT files)
    add_custom_command(OUTPUT ${output}
        # Their names are part of the command, so that it runs again when one gets another name.
        COMMAND ${CMAKE_COMMAND} -D DIALECT=${dialect} -D "FILES=${files}" -D OUTPUT=${output}
            -P ${embed_migrations_script}
        DEPENDS ${files} ${embed_migrations_script}
        COMMENT "Embedding the migrations of ${directory}"
        VERBATIM)
    target_sources(${library} PRIVATE ${output})
endfunction()
