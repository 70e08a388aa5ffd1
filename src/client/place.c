/* Finding the service: what was said, else the user's own, else the system's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "client/client.h"
#include "linux/usual.h"

#define USUAL_ADDRESS "http://127.0.0.1:8000"

static int take_socket(struct bj_client_place *place, const char *path, struct bj_error *err)
{
    if (*path != '/' || !bj_str_copy(place->socket, sizeof place->socket, path) ||
        strlen(path) > 107)
        return bj_fail(err, BJ_E_INVALID, "host",
                       "%s is not the path of a socket: it must be absolute and at most 107 bytes",
                       path);
    bj_str_copy(place->base, sizeof place->base, "http://localhost");
    return 0;
}

static int take_place(struct bj_client_place *place, const char *text, struct bj_error *err)
{
    size_t length;

    place->shown = text;
    if (bj_starts_with(text, "unix://"))
        return take_socket(place, text + strlen("unix://"), err);
    if (*text == '/')
        return take_socket(place, text, err);
    if ((!bj_starts_with(text, "http://") && !bj_starts_with(text, "https://")) ||
        !bj_str_copy(place->base, sizeof place->base, text))
        return bj_fail(err, BJ_E_INVALID, "host",
                       "%s does not say where a service is: unix:///path, http://host:port and "
                       "https://host do",
                       text);
    length = strlen(place->base);
    while (length > 0 && place->base[length - 1] == '/')
        place->base[--length] = '\0';
    return 0;
}

int bj_client_find_place(struct bj_client *client, struct bj_error *err)
{
    static char usual[sizeof "unix://" + BJ_SOCKET_PATH_MAX] = "unix://";
    struct bj_client_place *place = &client->place;
    const char *said = client->options.host;

    place->key = getenv("BELLJAR_API_KEY");
    if (place->key != NULL && *place->key == '\0')
        place->key = NULL;
    place->ca_file =
        client->options.ca_file != NULL ? client->options.ca_file : getenv("BELLJAR_TLS_CA");
    if (said == NULL)
        said = getenv("BELLJAR_HOST");
    if (said != NULL && *said != '\0')
        return take_place(place, said, err);
    if (bj_usual_find_socket(usual + strlen("unix://")))
        return take_place(place, usual, err);
    return take_place(place, USUAL_ADDRESS, err);
}

int bj_client_unreachable(const struct bj_client *client, const char *why, struct bj_error *err)
{
    return bj_fail(err, BJ_E_BUSY, "connect",
                   "no service answers at %s (%s): start one with `belljar serve`, or say where it "
                   "is with --host or BELLJAR_HOST",
                   client->place.shown, why);
}
