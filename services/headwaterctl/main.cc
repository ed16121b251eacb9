#include "services/headwaterctl/command_line.h"

int main(int argc, char** argv) { return headwater::CommandLine().Run(argc, argv); }
