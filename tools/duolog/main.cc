// The one program: `duolog COMMAND`.
namespace duolog::tools {
int run_program(int argc, char** argv);
}

int main(int argc, char** argv) { return duolog::tools::run_program(argc, argv); }
