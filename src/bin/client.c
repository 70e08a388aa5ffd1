/* The program belljar-client, which `belljar create` and the like turn into. */
#include "client/client.h"

int main(int argc, char **argv)
{
    return bj_client_main(argc, argv);
}
