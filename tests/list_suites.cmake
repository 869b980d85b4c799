# Writes a file for ctest, in which each suite of a GoogleTest program is a test:
#   cmake -D PROGRAM=... -D PREFIX=... -D LABEL=... -D SOURCE_DIR=... -D BUILD_DIR=... -D FILE=... -P list_suites.cmake
execute_process(COMMAND ${PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed RESULT_VARIABLE status TIMEOUT 60)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: ${status}")
endif()

# Where tests keep their data: $PEERCRON_TEST_DIR of whoever calls ctest, else the folder of the build.
set(text "set(data \"${BUILD_DIR}\")
if(DEFINED ENV{PEERCRON_TEST_DIR})
    set(data \"\$ENV{PEERCRON_TEST_DIR}\")
endif()
")
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\." suites "${listed}")
foreach(suite IN LISTS suites)
    string(STRIP "${suite}" suite)
    string(REGEX REPLACE "\\.$" "" suite "${suite}")
    string(APPEND text "add_test([=[${PREFIX}${suite}]=] [=[${PROGRAM}]=] [=[--gtest_filter=${suite}.*]=])
set_tests_properties([=[${PREFIX}${suite}]=] PROPERTIES LABELS ${LABEL}
    ENVIRONMENT \"PEERCRON_SOURCE_DIR=${SOURCE_DIR};PEERCRON_BUILD_DIR=\${data}\")
")
endforeach()
file(WRITE ${FILE} "${text}")
