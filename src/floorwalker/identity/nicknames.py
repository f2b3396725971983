"""Short forms of given names and the name they stand for.

In: nothing. Out: `FULL_NAME`, short form -> full name, lower case, without marks. One short form has one full name:
where several exist the most frequent stands, since the fold serves comparison and is never shown.

>>> FULL_NAME["bill"]
'william'
"""

from __future__ import annotations

_SHORT_FORMS = """
robert: bob bobby rob robbie robby bert robin
william: bill billy will willie willy liam
richard: dick rick ricky rich richie
edward: ted teddy ed eddie eddy ned
james: jim jimmy jamie jem
john: jack johnny jon johnnie
margaret: peggy peg maggie meg meggie greta marge margie madge daisy
elizabeth: liz lizzie lizzy beth betty betsy bess bessie eliza libby lisbeth elsie lise
mary: molly polly mamie minnie may
anthony: tony ant
christina: tina chrissie chrissy christine kirsten
christopher: chris kit topher
alexander: alex sandy sasha alec alexandre
alexandra: lexi sandra
andrew: andy drew
rebecca: becky becca
patricia: pat patty trish tricia patsy
patrick: paddy
isabella: bella izzy isabel isabelle
eugene: gene
frederick: fred freddie freddy fritz
albert: al bertie
henry: harry hank hal henk
charles: charlie chuck chas charley
thomas: tom tommy
michael: mike mick mickey mikey
joseph: joe joey sepp josef
josephine: josie jo
samuel: sam sammy
samantha: sammie
benjamin: ben benny benji
daniel: dan danny
david: dave davy davie
stephen: steve steven stevie
matthew: matt matty
nicholas: nick nicky klaus nico niklas
katherine: kate katie kathy cathy kitty kat kathleen catherine katharine kay karen
susan: sue susie suzy susanna susannah
jennifer: jen jenny jenn
jessica: jess jessie
deborah: deb debbie debra
barbara: barb babs
dorothy: dot dottie dolly
florence: flo florrie flossie
helen: nell nellie lena ellen eleanor nelly
sarah: sally sadie sara
ann: anna anne annie nan nancy hannah
agnes: aggie
harriet: hattie
frances: fanny fran francis
francisco: paco pancho
jose: pepe
dolores: lola
johannes: hans jan johann
cornelis: kees
willem: wim
antonius: toon
victoria: vicky vicki tori
veronica: ronnie
ronald: ron
donald: don donnie
kenneth: ken kenny
gregory: greg
jeffrey: jeff geoffrey geoff
lawrence: larry laurie
leonard: len lenny leo
peter: pete
philip: phil pip phillip
raymond: ray
timothy: tim timmy
walter: walt wally
zachary: zach zack
abigail: abby abbie gail
amanda: mandy
cynthia: cindy
judith: judy
louise: lou lulu
emily: em emmie
emma: emmy
martha: mattie
matilda: tilly
penelope: penny
philippa: pippa
theresa: terry tess tessa teresa
terence: terrence
winifred: winnie
gabriel: gabe
jacob: jake
joshua: josh
nathan: nate nathaniel
oliver: ollie
reginald: reg reggie
stanley: stan
sidney: sid
arthur: art artie
alfred: alf alfie
archibald: archie
bernard: bernie
clifford: cliff
dennis: den denny
ernest: ernie
gerald: gerry jerry
gilbert: gil
harold: harald
herbert: herb
leslie: les
martin: marty
norman: norm
percival: percy
russell: russ
simon: si
victor: vic
vincent: vince
"""

FULL_NAME: dict[str, str] = {
    short: full
    for line in _SHORT_FORMS.strip().splitlines()
    for full, _, shorts in [line.partition(":")]
    for short in shorts.split()
}
