//! expat and libxml2, fed in chunks.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::visit::Visited;

unsafe extern "C" {
    fn XML_ParserCreateNS(encoding: *const c_char, separator: c_char) -> *mut c_void;
    fn XML_ParserFree(parser: *mut c_void);
    fn XML_SetUserData(parser: *mut c_void, data: *mut c_void);
    fn XML_SetElementHandler(
        parser: *mut c_void,
        start: extern "C" fn(*mut c_void, *const c_char, *const *const c_char),
        end: extern "C" fn(*mut c_void, *const c_char),
    );
    fn XML_SetCharacterDataHandler(
        parser: *mut c_void,
        text: extern "C" fn(*mut c_void, *const c_char, c_int),
    );
    fn XML_Parse(parser: *mut c_void, bytes: *const u8, length: c_int, last: c_int) -> c_int;
    fn XML_GetErrorCode(parser: *mut c_void) -> c_int;

    fn xmlCreatePushParserCtxt(
        handlers: *const [usize; 32],
        data: *mut c_void,
        chunk: *const u8,
        length: c_int,
        name: *const c_char,
    ) -> *mut c_void;
    fn xmlCtxtUseOptions(context: *mut c_void, options: c_int) -> c_int;
    fn xmlParseChunk(context: *mut c_void, chunk: *const u8, length: c_int, end: c_int) -> c_int;
    fn xmlFreeParserCtxt(context: *mut c_void);
}

/// A character that stands in no namespace name.
const SEPARATOR: u8 = b'\n';

pub fn expat(bytes: &[u8], chunk: usize) -> Visited {
    let mut visited = Visited::default();
    // SAFETY: the handlers get back the pointer given here, which outlives the parser.
    unsafe {
        let parser = XML_ParserCreateNS(std::ptr::null(), SEPARATOR as c_char);
        XML_SetUserData(parser, (&raw mut visited).cast());
        XML_SetElementHandler(parser, expat_start, expat_end);
        XML_SetCharacterDataHandler(parser, expat_text);
        for part in bytes.chunks(chunk) {
            let length = c_int::try_from(part.len()).expect("short");
            let ok = XML_Parse(parser, part.as_ptr(), length, 0);
            assert_eq!(ok, 1, "expat: error {}", XML_GetErrorCode(parser));
        }
        assert_eq!(XML_Parse(parser, std::ptr::null(), 0, 1), 1);
        XML_ParserFree(parser);
    }
    visited
}

extern "C" fn expat_start(
    data: *mut c_void,
    name: *const c_char,
    attributes: *const *const c_char,
) {
    // SAFETY: see `expat`; attributes are pairs, ended by a null pointer.
    unsafe {
        let visited = &mut *data.cast::<Visited>();
        let (namespace, name) = expanded(name);
        visited.element(name, namespace);
        let mut pair = attributes;
        while !(*pair).is_null() {
            let (namespace, name) = expanded(*pair);
            let value = CStr::from_ptr(*pair.add(1)).count_bytes();
            visited.attribute(name, namespace, value);
            pair = pair.add(2);
        }
    }
}

extern "C" fn expat_end(_: *mut c_void, _: *const c_char) {}

extern "C" fn expat_text(data: *mut c_void, _: *const c_char, length: c_int) {
    // SAFETY: see `expat`.
    let visited = unsafe { &mut *data.cast::<Visited>() };
    visited.text += usize::try_from(length).expect("not negative");
}

/// Lengths of namespace name and local name.
unsafe fn expanded(name: *const c_char) -> (usize, usize) {
    // SAFETY: the parser gives strings that end with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    match memchr::memchr(SEPARATOR, name) {
        Some(at) => (at, name.len() - at - 1),
        None => (0, name.len()),
    }
}

pub fn libxml2(bytes: &[u8], chunk: usize) -> Visited {
    const MAGIC: usize = 0xDEED_BEAF;
    const NOENT: c_int = 1 << 1;
    const HUGE: c_int = 1 << 19;
    let mut visited = Visited::default();
    let mut handlers = [0_usize; 32];
    handlers[17] = libxml2_text as *const () as usize;
    handlers[25] = libxml2_text as *const () as usize;
    handlers[27] = MAGIC;
    handlers[29] = libxml2_start as *const () as usize;
    // SAFETY: `xmlSAXHandler` is 32 machine words; the handlers get back the pointer given here.
    unsafe {
        let data = (&raw mut visited).cast();
        let null = std::ptr::null::<c_char>();
        let context = xmlCreatePushParserCtxt(&raw const handlers, data, null.cast(), 0, null);
        xmlCtxtUseOptions(context, NOENT | HUGE);
        for part in bytes.chunks(chunk) {
            let length = c_int::try_from(part.len()).expect("short");
            assert_eq!(xmlParseChunk(context, part.as_ptr(), length, 0), 0);
        }
        assert_eq!(xmlParseChunk(context, null.cast(), 0, 1), 0);
        xmlFreeParserCtxt(context);
    }
    visited
}

extern "C" fn libxml2_start(
    data: *mut c_void,
    name: *const c_char,
    _prefix: *const c_char,
    uri: *const c_char,
    _declarations: c_int,
    _namespaces: *const *const c_char,
    attributes: c_int,
    _defaulted: c_int,
    attribute: *const *const c_char,
) {
    // SAFETY: see `libxml2`; attributes are name, prefix, namespace, start and end of the value.
    unsafe {
        let visited = &mut *data.cast::<Visited>();
        visited.element(length(name), length(uri));
        for i in 0..usize::try_from(attributes).expect("not negative") {
            let parts = attribute.add(5 * i);
            let value = (*parts.add(4)).offset_from(*parts.add(3));
            let value = usize::try_from(value).expect("not negative");
            visited.attribute(length(*parts), length(*parts.add(2)), value);
        }
    }
}

extern "C" fn libxml2_text(data: *mut c_void, _: *const c_char, length: c_int) {
    // SAFETY: see `libxml2`.
    let visited = unsafe { &mut *data.cast::<Visited>() };
    visited.text += usize::try_from(length).expect("not negative");
}

unsafe fn length(text: *const c_char) -> usize {
    if text.is_null() {
        return 0;
    }
    // SAFETY: the parser gives strings that end with NUL.
    unsafe { CStr::from_ptr(text) }.count_bytes()
}
