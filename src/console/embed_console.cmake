# Compiles the files of console/dist into a library, plain and gzipped, so that the program needs no
# path at run time. Included by CMake as a module, and run by it as a script that writes the C++ file.

if(CMAKE_SCRIPT_MODE_FILE)
    # A C array of the bytes of `file`, named `name`.
    function(append_bytes name file)
        file(READ ${file} hex HEX)
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
        string(APPEND arrays "constexpr unsigned char ${name}[]{${bytes}};\n")
        set(arrays "${arrays}" PARENT_SCOPE)
    endfunction()

    set(arrays "")
    set(entries "")
    set(number 0)
    foreach(name index.html console.css console.js icon.svg)
        set(file ${DIRECTORY}/${name})
        set(packed ${OUTPUT}.gz)
        execute_process(COMMAND gzip --best --no-name --stdout ${file} OUTPUT_FILE ${packed}
            COMMAND_ERROR_IS_FATAL ANY)
        append_bytes(plain_${number} ${file})
        append_bytes(packed_${number} ${packed})
        file(REMOVE ${packed})
        file(SHA256 ${file} hash)
        string(SUBSTRING ${hash} 0 16 tag)
        string(APPEND entries "    {\"${name}\", \"${tag}\", bytes(plain_${number}), bytes(packed_${number})},\n")
        math(EXPR number "${number} + 1")
    endforeach()
    file(WRITE ${OUTPUT} "#include \"console/embedded_file.hpp\"

#include <cstddef>

namespace peercron {
namespace {

${arrays}
template <std::size_t size>
std::string_view bytes(const unsigned char (&array)[size])
{
    return {reinterpret_cast<const char*>(array), size};
}

const EmbeddedFile files[]{
${entries}};

}  // namespace

std::span<const EmbeddedFile> console_files() { return files; }

}  // namespace peercron
")
    return()
endif()

set(embed_console_script ${CMAKE_CURRENT_LIST_FILE})

function(embed_console library)
    set(directory ${PROJECT_SOURCE_DIR}/console/dist)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/console_files.cpp)
    file(GLOB files CONFIGURE_DEPENDS ${directory}/*)
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -D DIRECTORY=${directory} -D OUTPUT=${output} -P ${embed_console_script}
        DEPENDS ${files} ${embed_console_script}
        COMMENT "Embedding the console"
        VERBATIM)
    target_sources(${library} PRIVATE ${output})
endfunction()
