/* A libstrophe client with stream management that comes back when it is disconnected. PORT CA PASSWORD starttls

   Sends the lines of its standard input as messages to the domain, and says what happens to it. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <unistd.h>

enum { GOING, BROKEN, DONE };
static int state;

static int on_certificate(const xmpp_tlscert_t *certificate, const char *reason)
{
    (void)certificate;
    printf("certificate refused: %s\n", reason);
    return 0;
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *message, void *data)
{
    (void)data;
    char *body = xmpp_message_get_body(message);
    printf("message %s\n", body ? body : "(none)");
    if (body && strcmp(body, "end") == 0) {
        state = DONE;
        xmpp_disconnect(connection);
    }
    if (body)
        xmpp_free(xmpp_conn_get_context(connection), body);
    return 1;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error,
                          void *data)
{
    (void)data;
    if (event == XMPP_CONN_CONNECT) {
        printf("connected as %s\n", xmpp_conn_get_bound_jid(connection));
    } else {
        printf("disconnected, error %d, stream error %d\n", error, stream_error ? (int)stream_error->type : -1);
        if (state == GOING)
            state = BROKEN;
    }
}

static xmpp_conn_t *begin(xmpp_ctx_t *context, char **argv, xmpp_sm_state_t *session)
{
    xmpp_conn_t *connection = xmpp_conn_new(context);
    xmpp_conn_set_jid(connection, "alice@localhost/strophe");
    xmpp_conn_set_pass(connection, argv[3]);
    xmpp_conn_set_cafile(connection, argv[2]);
    xmpp_conn_set_certfail_handler(connection, on_certificate);
    xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_MANDATORY_TLS);
    if (session && xmpp_conn_set_sm_state(connection, session) != XMPP_EOK)
        printf("the session cannot be used\n");
    xmpp_handler_add(connection, on_message, NULL, "message", NULL, NULL);
    if (xmpp_connect_client(connection, "127.0.0.1", (unsigned short)atoi(argv[1]), on_connection, context) != XMPP_EOK)
        exit(3);
    return connection;
}

/* One line of standard input, if there is one, becomes a message. */
static void say(xmpp_conn_t *connection)
{
    static char line[200];
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) != 1 || !(input.revents & POLLIN) || !fgets(line, sizeof line, stdin))
        return;
    line[strcspn(line, "\n")] = '\0';
    xmpp_stanza_t *message = xmpp_message_new(xmpp_conn_get_context(connection), "chat", "localhost", line);
    xmpp_message_set_body(message, line);
    xmpp_send(connection, message);
    xmpp_stanza_release(message);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    xmpp_initialize();
    xmpp_ctx_t *context = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_DEBUG));
    xmpp_conn_t *connection = begin(context, argv, NULL);
    while (state != DONE || xmpp_conn_is_connected(connection)) {
        xmpp_run_once(context, 20);
        if (state == GOING)
            say(connection);
        if (state == BROKEN) {
            xmpp_sm_state_t *session = xmpp_conn_get_sm_state(connection);
            xmpp_conn_release(connection);
            state = GOING;
            connection = begin(context, argv, session);
        }
    }
    xmpp_conn_release(connection);
    xmpp_ctx_free(context);
    xmpp_shutdown();
    printf("done\n");
    return 0;
}
