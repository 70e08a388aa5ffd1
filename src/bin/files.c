/* The program belljar-files: files/files.h has what it takes and tells. */
#include "files/files.h"

int main(int argc, char **argv)
{
    return bj_files_main(argc, argv);
}
