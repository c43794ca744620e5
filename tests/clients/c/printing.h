// What a program prints, one JSON object a line.
#include <stdio.h>
#include <string.h>

static void say(const char *form, const char *text) {
    flockfile(stdout);  // callbacks run in threads of the library
    printf("{\"form\": \"%s\", \"text\": \"", form);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20) printf("\\u%04x", *c);
        else putchar(*c);
    }
    puts("\"}");
    fflush(stdout);
    funlockfile(stdout);
}
