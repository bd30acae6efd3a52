# make install: the program, the library, one header, pkg-config file, man page, completions, tasks, studies.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/tacit/tasks $(DESTDIR)$(PREFIX)/share/tacit/studies \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BUILD)/tacit $(DESTDIR)$(PREFIX)/bin/tacit
	install -m 644 $(BUILD)/libtacit.a $(DESTDIR)$(PREFIX)/lib/libtacit.a
	install -m 755 $(BUILD)/libtacit.so $(DESTDIR)$(PREFIX)/lib/libtacit.so.0
	ln -sf libtacit.so.0 $(DESTDIR)$(PREFIX)/lib/libtacit.so
	install -m 644 include/tacit.h $(DESTDIR)$(PREFIX)/include/tacit.h
	install -m 644 tasks/*.yaml $(DESTDIR)$(PREFIX)/share/tacit/tasks/
	install -m 644 studies/superglue*.yaml $(DESTDIR)$(PREFIX)/share/tacit/studies/
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' tools/tacit.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/tacit.pc
	$(BUILD)/tacit help --man > $(DESTDIR)$(PREFIX)/share/man/man1/tacit.1
	$(BUILD)/tacit help --completion > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tacit

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tacit $(DESTDIR)$(PREFIX)/lib/libtacit.* \
	    $(DESTDIR)$(PREFIX)/include/tacit.h $(DESTDIR)$(PREFIX)/lib/pkgconfig/tacit.pc \
	    $(DESTDIR)$(PREFIX)/share/man/man1/tacit.1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tacit
	rm -rf $(DESTDIR)$(PREFIX)/share/tacit
