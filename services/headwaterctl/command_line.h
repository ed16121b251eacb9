#pragma once

#include <absl/status/status.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "services/headwaterctl/commands.h"

namespace headwater {

// Commands, options and help, and what runs for them.
class CommandLine {
 public:
  CommandLine();

  // The whole life of the program: its exit status is 0 done, 1 error, 2 wrong usage, 3 not found,
  // 4 not reachable.
  int Run(int argc, const char* const* argv);
  const CLI::App& app() const { return app_; }

 private:
  using Handler = absl::Status (*)(HeadendClient&, const Invocation&);

  CLI::App* Noun(const char* name, const char* help);
  // A command that prints rows or, with --json, objects.
  CLI::App* Verb(CLI::App& parent, const char* name, const char* help, Handler handler);
  void AddSession();
  void AddGroup();
  void AddStation();
  void AddCatalogue(CLI::App& station);
  void AddDirectory();
  void AddDvb();
  void AddZone();
  void AddMonitor();
  void AddEventFilter(CLI::App& verb, const char* count, uint32_t initial);
  void AddBridge();
  void AddPki();
  void AddSender();
  void AddCompletion();
  void AddExport(CLI::App& station);
  // `words` is the command line being typed; `before` are our own options, those in front of
  // __complete.
  absl::Status PrintCompletions(std::vector<std::string> before,
                                const std::vector<std::string>& words) const;
  std::string ManagerTarget(const std::string& run_dir, const std::string& manager) const;

  CLI::App app_;
  std::string run_dir_ = "/run/headwater";
  std::string manager_;
  Invocation invocation_;
  Handler handler_ = nullptr;
};

}  // namespace headwater
