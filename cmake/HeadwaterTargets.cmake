# The only CMake functions of this project: headwater_library, headwater_test, headwater_fuzzer, headwater_service.
# A library is one folder with explicit sources; LIBS are PUBLIC dependencies.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

find_program(HEADWATER_CCACHE ccache)
if(HEADWATER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HEADWATER_CCACHE})
endif()

# Options of every target of ours; generated code gets none of the warnings.
add_library(headwater_options INTERFACE)
target_compile_features(headwater_options INTERFACE cxx_std_20)
target_include_directories(headwater_options INTERFACE ${CMAKE_SOURCE_DIR})
target_link_libraries(headwater_options INTERFACE Threads::Threads)
# Designated initialisers leave members to their defaults on purpose.
set(HEADWATER_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
   (CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR HEADWATER_SANITIZE OR HEADWATER_TSAN))
  # gcc 12 reports these wrongly from inside libstdc++ when it optimises (PR 105329, 105651 and kin).
  list(APPEND HEADWATER_WARNINGS -Wno-restrict -Wno-maybe-uninitialized
    -Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds)
endif()
find_program(HEADWATER_MOLD mold)
if(HEADWATER_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(headwater_options INTERFACE -fuse-ld=mold)
endif()
if(HEADWATER_FAULTS)
  add_compile_definitions(HEADWATER_FAULTS)
endif()
if(HEADWATER_SANITIZE)
  # Unoptimised: instrumented code takes twice as long to optimise as to compile, and the tests keep their pace without.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(HEADWATER_TSAN)
  add_compile_options(-fsanitize=thread -O1)
  add_link_options(-fsanitize=thread)
endif()
if(HEADWATER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

# headwater_library(NAME sap SOURCES a.cc b.cc LIBS headwater::base [PRIVATE_LIBS ...])
# A library without sources is header-only.
function(headwater_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  set(target headwater_${ARG_NAME})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_compile_options(${target} PRIVATE ${HEADWATER_WARNINGS})
    target_link_libraries(${target} PUBLIC headwater_options ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE headwater_options ${ARG_LIBS})
  endif()
  add_library(headwater::${ARG_NAME} ALIAS ${target})
endfunction()

# headwater_test(NAME sap_test SOURCES a_test.cc LIBS headwater::sap): one executable per folder, run in the repository's root. No path of this
# checkout is compiled in, so that ccache serves every clone.
function(headwater_test)
  if(HEADWATER_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_compile_options(${ARG_NAME} PRIVATE ${HEADWATER_WARNINGS})
  if(HEADWATER_SANITIZE)
    # The checks are for the product. In a test's own code UBSan finds little and costs a quarter of the build.
    target_compile_options(${ARG_NAME} PRIVATE -fno-sanitize=undefined)
  endif()
  target_link_libraries(${ARG_NAME} PRIVATE headwater_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# headwater_fuzzer(NAME sap_packet_fuzz SOURCES sap_packet_fuzz.cc LIBS headwater::sap)
# With the fuzz preset: a libFuzzer binary. Otherwise: a program that replays tests/data/corpus/<name>, run as a test in every build.
function(headwater_fuzzer)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/data/corpus/${ARG_NAME})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_compile_options(${ARG_NAME} PRIVATE ${HEADWATER_WARNINGS})
  target_link_libraries(${ARG_NAME} PRIVATE headwater_options ${ARG_LIBS})
  if(HEADWATER_FUZZ)
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY HEADWATER_FUZZERS ${ARG_NAME})
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} -runs=0 ${corpus})
  else()
    target_sources(${ARG_NAME} PRIVATE ${CMAKE_SOURCE_DIR}/services/common/testing/replay_corpus.cc)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${corpus})
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "unit;corpus" TIMEOUT 120)
endfunction()

# headwater_service(NAME rtp-packager SOURCES main.cc ... LIBS ...): binary = folder = container = unit name. All land in <build>/bin; the target
# "programs" is all of them without tests.
function(headwater_service)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_compile_options(${ARG_NAME} PRIVATE ${HEADWATER_WARNINGS})
  target_link_libraries(${ARG_NAME} PRIVATE headwater_options ${ARG_LIBS})
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(NOT TARGET programs)
    add_custom_target(programs)
  endif()
  add_dependencies(programs ${ARG_NAME})
endfunction()
