// Techmap rules for yosys: what is left of a full adder whose inputs are known. With -D ALL every other one becomes a
// cell; without, adders with fewer than two known inputs stay for the next round, which may know more.
(* techmap_celltype = "full_adder" *)
module fold_full_adder (
    input  a,
    input  b,
    input  ci,
    output s,
    output co
);
    parameter _TECHMAP_CONSTMSK_a_  = 0;
    parameter _TECHMAP_CONSTMSK_b_  = 0;
    parameter _TECHMAP_CONSTMSK_ci_ = 0;
    parameter _TECHMAP_CONSTVAL_a_  = 0;
    parameter _TECHMAP_CONSTVAL_b_  = 0;
    parameter _TECHMAP_CONSTVAL_ci_ = 0;
    localparam KNOWN = _TECHMAP_CONSTMSK_a_ + _TECHMAP_CONSTMSK_b_ + _TECHMAP_CONSTMSK_ci_;
    localparam ONE   = (_TECHMAP_CONSTMSK_a_ & _TECHMAP_CONSTVAL_a_) | (_TECHMAP_CONSTMSK_b_ & _TECHMAP_CONSTVAL_b_)
                     | (_TECHMAP_CONSTMSK_ci_ & _TECHMAP_CONSTVAL_ci_);
    wire u = _TECHMAP_CONSTMSK_a_ ? b : a;
    wire v = _TECHMAP_CONSTMSK_ci_ ? b : ci;
    generate
        if (KNOWN >= 2) begin
            assign s  = a ^ b ^ ci;
            assign co = (a & b) | (ci & (a | b));
        end else begin
`ifdef ALL
            if (KNOWN == 1 && ONE) begin
                assign s  = ~(u ^ v);
                assign co = u | v;
            end else if (KNOWN == 1) begin
                HA _TECHMAP_REPLACE_ (.a(u), .b(v), .s(s), .co(co));
            end else begin
                FA _TECHMAP_REPLACE_ (.a(a), .b(b), .c(ci), .s(s), .co(co));
            end
`else
            wire _TECHMAP_FAIL_ = 1;
`endif
        end
    endgenerate
endmodule
