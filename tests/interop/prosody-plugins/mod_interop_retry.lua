-- A client whose token was refused may go on with its password on the same stream (XEP-0484 section 4.1).
-- mod_sasl2 of Debian's prosody-modules of 2023-02 still has the handler for tokens then, which knows no
-- other mechanism: it is made to forget it.
module:hook("sasl2/c2s/failure", function (event)
	event.session.sasl_handler = nil;
end, 1);
