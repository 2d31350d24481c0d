// The requests to callgrind; without valgrind they do nothing.
#include <valgrind/callgrind.h>

void callgrind_toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
void callgrind_dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
void callgrind_start(void) { CALLGRIND_START_INSTRUMENTATION; }
void callgrind_stop(void) { CALLGRIND_STOP_INSTRUMENTATION; }
