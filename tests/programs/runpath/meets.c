/* While this library is opened, and the loader's lock held, the program that opens it waits for another thread. */
extern void meet(void);

__attribute__((constructor)) static void opened(void) {
    meet();
}
