// The program: hands the command line to GreenbenchCLI.

